//! CloudTrail (AWS CloudTrail API Reference, version 2013-11-01).

use super::{operations, reads, writes};
use crate::action::On;

operations! {
    /// An operation of CloudTrail.
    CloudTrail, "cloudtrail:";
    served {
        AddTags => writes(On::Trail);
        CreateTrail => writes(On::Trail);
        DeleteTrail => writes(On::Trail);
        DescribeTrails => reads(On::Account);
        GetEventSelectors => reads(On::Trail);
        GetTrail => reads(On::Trail);
        GetTrailStatus => reads(On::Trail);
        ListPublicKeys => reads(On::Account);
        ListTags => reads(On::Trail);
        ListTrails => reads(On::Account);
        LookupEvents => reads(On::Account);
        PutEventSelectors => writes(On::Trail);
        RemoveTags => writes(On::Trail);
        StartLogging => writes(On::Trail);
        StopLogging => writes(On::Trail);
        UpdateTrail => writes(On::Trail);
    }
    open {
    }
    refused {
        CancelQuery => writes(On::Account);
        CreateChannel => writes(On::Account);
        CreateDashboard => writes(On::Account);
        CreateEventDataStore => writes(On::Account);
        DeleteChannel => writes(On::Account);
        DeleteDashboard => writes(On::Account);
        DeleteEventDataStore => writes(On::Account);
        DeleteResourcePolicy => writes(On::Account);
        DeregisterOrganizationDelegatedAdmin => writes(On::Account);
        DescribeQuery => reads(On::Account);
        DisableFederation => writes(On::Account);
        EnableFederation => writes(On::Account);
        GenerateQuery => reads(On::Account);
        GetChannel => reads(On::Account);
        GetDashboard => reads(On::Account);
        GetEventConfiguration => reads(On::Account);
        GetEventDataStore => reads(On::Account);
        GetImport => reads(On::Account);
        GetInsightSelectors => reads(On::Account);
        GetQueryResults => reads(On::Account);
        GetResourcePolicy => reads(On::Account);
        ListChannels => reads(On::Account);
        ListDashboards => reads(On::Account);
        ListEventDataStores => reads(On::Account);
        ListImportFailures => reads(On::Account);
        ListImports => reads(On::Account);
        ListInsightsData => reads(On::Account);
        ListInsightsMetricData => reads(On::Account);
        ListQueries => reads(On::Account);
        PutEventConfiguration => writes(On::Account);
        PutInsightSelectors => writes(On::Account);
        PutResourcePolicy => writes(On::Account);
        RegisterOrganizationDelegatedAdmin => writes(On::Account);
        RestoreEventDataStore => writes(On::Account);
        SearchSampleQueries => reads(On::Account);
        StartDashboardRefresh => writes(On::Account);
        StartEventDataStoreIngestion => writes(On::Account);
        StartImport => writes(On::Account);
        StartQuery => writes(On::Account);
        StopEventDataStoreIngestion => writes(On::Account);
        StopImport => writes(On::Account);
        UpdateChannel => writes(On::Account);
        UpdateDashboard => writes(On::Account);
        UpdateEventDataStore => writes(On::Account);
    }
}
