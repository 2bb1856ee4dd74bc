//! CloudTrail's operations (AWS CloudTrail API Reference, version 2013-11-01).

/// An operation that is served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it changes something that is kept.
    pub(crate) writes: bool,
}

/// The operation of that name, if it is served.
pub(super) fn served(name: &str) -> Option<&'static Operation> {
    SERVED.iter().find(|operation| operation.name == name)
}

const fn reads(name: &'static str) -> Operation {
    Operation { name, writes: false }
}

const fn writes(name: &'static str) -> Operation {
    Operation { name, writes: true }
}

/// Those that are served.
pub(crate) const SERVED: &[Operation] = &[
    writes("AddTags"),
    writes("CreateTrail"),
    writes("DeleteTrail"),
    reads("DescribeTrails"),
    reads("GetEventSelectors"),
    reads("GetTrail"),
    reads("GetTrailStatus"),
    reads("ListPublicKeys"),
    reads("ListTags"),
    reads("ListTrails"),
    reads("LookupEvents"),
    writes("PutEventSelectors"),
    writes("RemoveTags"),
    writes("StartLogging"),
    writes("StopLogging"),
    writes("UpdateTrail"),
];

/// The others, which are refused by name.
pub(super) const KNOWN: &[&str] = &[
    "CancelQuery",
    "CreateChannel",
    "CreateDashboard",
    "CreateEventDataStore",
    "DeleteChannel",
    "DeleteDashboard",
    "DeleteEventDataStore",
    "DeleteResourcePolicy",
    "DeregisterOrganizationDelegatedAdmin",
    "DescribeQuery",
    "DisableFederation",
    "EnableFederation",
    "GenerateQuery",
    "GetChannel",
    "GetDashboard",
    "GetEventConfiguration",
    "GetEventDataStore",
    "GetImport",
    "GetInsightSelectors",
    "GetQueryResults",
    "GetResourcePolicy",
    "ListChannels",
    "ListDashboards",
    "ListEventDataStores",
    "ListImportFailures",
    "ListImports",
    "ListInsightsData",
    "ListInsightsMetricData",
    "ListQueries",
    "PutEventConfiguration",
    "PutInsightSelectors",
    "PutResourcePolicy",
    "RegisterOrganizationDelegatedAdmin",
    "RestoreEventDataStore",
    "SearchSampleQueries",
    "StartDashboardRefresh",
    "StartEventDataStoreIngestion",
    "StartImport",
    "StartQuery",
    "StopEventDataStoreIngestion",
    "StopImport",
    "UpdateChannel",
    "UpdateDashboard",
    "UpdateEventDataStore",
];
