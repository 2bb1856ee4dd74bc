//! Where files lie in the bucket (AWS CloudTrail User Guide, "Finding your CloudTrail log files"
//! and "CloudTrail digest file structure").

use arqueta_model::{Region, Timestamp};
use time::macros::format_description;

use crate::TrailId;

/// What is the same in all keys of one trail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout<'a> {
    pub(crate) id: &'a TrailId,
    pub(crate) region: &'a Region,
    pub(crate) prefix: Option<&'a str>,
}

impl Layout<'_> {
    /// Name of a log file, without its folder. `unique` keeps files of one minute apart.
    pub(crate) fn log_name(&self, at: Timestamp, unique: &str) -> String {
        let minute = at.date_time().format(format_description!("[year][month][day]T[hour][minute]Z"));
        format!("{}_CloudTrail_{}_{}_{unique}.json.gz", self.id.account, self.region, minute.unwrap_or_default())
    }

    /// Key of a log file.
    pub(crate) fn log(&self, at: Timestamp, name: &str) -> String {
        self.key("CloudTrail", at, name)
    }

    /// Key of the digest that ends at `end`.
    pub(crate) fn digest(&self, end: Timestamp) -> String {
        let Self { id, region, .. } = self;
        let second = end.date_time().format(format_description!("[year][month][day]T[hour][minute][second]Z"));
        let name = format!(
            "{}_CloudTrail-Digest_{region}_{}_{region}_{}.json.gz",
            id.account,
            id.name,
            second.unwrap_or_default()
        );
        self.key("CloudTrail-Digest", end, &name)
    }

    /// What every key begins with; delivery needs the right to write there.
    pub(crate) fn folder(&self) -> String {
        let prefix = self.prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
        format!("{prefix}AWSLogs/{}/", self.id.account)
    }

    fn key(&self, kind: &str, at: Timestamp, name: &str) -> String {
        let day = at.date_time().format(format_description!("[year]/[month]/[day]"));
        format!("{}{kind}/{}/{}/{name}", self.folder(), self.region, day.unwrap_or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_user_guide() {
        let id = TrailId { account: "111122223333".parse().unwrap(), name: "your-trail".to_owned() };
        let region = "us-east-2".parse().unwrap();
        let layout = Layout { id: &id, region: &region, prefix: None };
        // 2015-08-17T14:45:31Z
        let at = Timestamp::from_millis(1_439_822_731_000);
        let name = layout.log_name(at, "9nYN7gp2eWAJHIfT");
        assert_eq!(
            layout.log(at, &name),
            "AWSLogs/111122223333/CloudTrail/us-east-2/2015/08/17/111122223333_CloudTrail_us-east-2_20150817T1445Z_9nYN7gp2eWAJHIfT.json.gz"
        );
        let layout = Layout { prefix: Some("a/b"), ..layout };
        assert_eq!(
            layout.digest(at),
            "a/b/AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_your-trail_us-east-2_20150817T144531Z.json.gz"
        );
    }
}
