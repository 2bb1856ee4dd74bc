//! Configuration of websites. [`crate::website`] acts on it.

use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};
use crate::error::invalid_argument;
use crate::subject::LONGEST_KEY;
use crate::website::{self, Rule, Site};

/// Most rules of a website.
const MOST: usize = 50;
/// Longest name of a host (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 255;

/// GetBucketWebsite.
pub async fn get_bucket_website(
    ops: &Operations,
    request: S3Request<GetBucketWebsiteInput>,
) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let kept = ops.engine.bucket_settings().document(&name, BucketDocument::Website).await;
    let kept = kept.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let site = Site::from_document(&kept).ok_or_else(|| s3_error!(InternalError))?;
    let rules: Vec<_> = site.rules.into_iter().map(told).collect();
    Ok(S3Response::new(GetBucketWebsiteOutput {
        index_document: site.index.map(|suffix| IndexDocument { suffix }),
        error_document: site.error.map(|key| ErrorDocument { key }),
        redirect_all_requests_to: site
            .elsewhere
            .map(|(host_name, protocol)| RedirectAllRequestsTo { host_name, protocol: protocol.map(Protocol::from) }),
        routing_rules: (!rules.is_empty()).then_some(rules),
    }))
}

fn told(rule: Rule) -> RoutingRule {
    let status = rule.status.map(|status| status.to_string());
    let condition = (rule.prefix.is_some() || status.is_some())
        .then_some(Condition { http_error_code_returned_equals: status, key_prefix_equals: rule.prefix });
    RoutingRule {
        condition,
        redirect: Redirect {
            host_name: rule.to.host,
            http_redirect_code: rule.to.code.map(|code| code.to_string()),
            protocol: rule.to.protocol.map(Protocol::from),
            replace_key_prefix_with: rule.to.prefix,
            replace_key_with: rule.to.key,
        },
    }
}

/// PutBucketWebsite.
pub async fn put_bucket_website(
    ops: &Operations,
    request: S3Request<PutBucketWebsiteInput>,
) -> S3Result<S3Response<PutBucketWebsiteOutput>> {
    let input = &request.input;
    Call::current()?.tell("WebsiteConfiguration", &input.website_configuration);
    if !ops.websites {
        // It would be kept and never shown.
        return Err(s3_error!(NotImplemented, "Website hosting is turned off: website_domains is empty."));
    }
    let name = bucket_name(&input.bucket)?;
    let site = decode(&input.website_configuration)?;
    let kept = ops.engine.bucket_settings().put_document(&name, BucketDocument::Website, Some(site.document())).await;
    kept.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketWebsiteOutput::default()))
}

/// DeleteBucketWebsite.
pub async fn delete_bucket_website(
    ops: &Operations,
    request: S3Request<DeleteBucketWebsiteInput>,
) -> S3Result<S3Response<DeleteBucketWebsiteOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let gone = ops.engine.bucket_settings().put_document(&name, BucketDocument::Website, None).await;
    gone.map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketWebsiteOutput::default()))
}

fn refused(message: String) -> S3Error {
    s3_error!(InvalidRequest, "{message}")
}

fn decode(configuration: &WebsiteConfiguration) -> S3Result<Site> {
    let rules = configuration.routing_rules.as_deref().unwrap_or_default();
    let index = configuration.index_document.as_ref().map(|index| index.suffix.clone());
    let error = configuration.error_document.as_ref().map(|error| error.key.clone());
    if let Some(elsewhere) = &configuration.redirect_all_requests_to {
        if index.is_some() || error.is_some() || !rules.is_empty() {
            let message = "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.";
            return Err(invalid_argument(message, "RedirectAllRequestsTo", "not null"));
        }
        let protocol = protocol(elsewhere.protocol.as_ref())?;
        return Ok(Site { elsewhere: Some((host(&elsewhere.host_name)?, protocol)), ..Site::default() });
    }
    match index.as_deref() {
        None => {
            let message = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
            return Err(invalid_argument(message, "IndexDocument", "null"));
        }
        Some(suffix) if suffix.is_empty() || suffix.contains('/') || suffix.len() > LONGEST_KEY => {
            return Err(invalid_argument("The IndexDocument Suffix is not well formed", "IndexDocument", suffix));
        }
        Some(_) => {}
    }
    if let Some(error) = error.as_deref().filter(|key| key.is_empty() || key.len() > LONGEST_KEY) {
        return Err(invalid_argument("The ErrorDocument Key is not well formed", "ErrorDocument", error));
    }
    if rules.len() > MOST {
        return Err(refused(format!(
            "{} routing rules provided, the number of routing rules in a website configuration is limited to {MOST}.",
            rules.len()
        )));
    }
    let rules = rules.iter().map(decode_rule).collect::<S3Result<_>>()?;
    Ok(Site { index, error, elsewhere: None, rules })
}

fn decode_rule(rule: &RoutingRule) -> S3Result<Rule> {
    let Redirect { host_name, http_redirect_code, protocol: wanted, replace_key_prefix_with, replace_key_with } =
        &rule.redirect;
    let members = [host_name, http_redirect_code, replace_key_prefix_with, replace_key_with];
    if wanted.is_none() && members.into_iter().all(Option::is_none) {
        // It would send everybody to where they come from.
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    if replace_key_prefix_with.is_some() && replace_key_with.is_some() {
        return Err(refused("You can only define ReplaceKeyPrefix or ReplaceKey but not both.".to_owned()));
    }
    let code = http_redirect_code.as_deref().map(|code| {
        let number = code.parse().ok().filter(|number| (301..400).contains(number));
        number.ok_or_else(|| {
            refused(format!("The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."))
        })
    });
    let condition = rule.condition.as_ref();
    let prefix = condition.and_then(|condition| condition.key_prefix_equals.as_deref());
    for text in [prefix, replace_key_prefix_with.as_deref(), replace_key_with.as_deref()].into_iter().flatten() {
        if text.len() > LONGEST_KEY {
            return Err(refused(format!("A key in a routing rule can not be longer than {LONGEST_KEY} bytes.")));
        }
    }
    let status = condition.and_then(|condition| condition.http_error_code_returned_equals.as_deref()).map(|code| {
        let number = code.parse().ok().filter(|number| (400..600).contains(number));
        number.ok_or_else(|| {
            refused(format!("The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."))
        })
    });
    Ok(Rule {
        prefix: prefix.map(str::to_owned),
        status: status.transpose()?,
        to: website::Redirect {
            host: host_name.as_deref().map(host).transpose()?,
            protocol: protocol(wanted.as_ref())?,
            code: code.transpose()?,
            prefix: replace_key_prefix_with.clone(),
            key: replace_key_with.clone(),
        },
    })
}

/// A host, to which a header can send.
fn host(text: &str) -> S3Result<String> {
    let is_host = !text.is_empty()
        && text.len() <= LONGEST_HOST
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte));
    if is_host {
        Ok(text.to_owned())
    } else {
        Err(invalid_argument("The HostName is not well formed", "HostName", text))
    }
}

fn protocol(wanted: Option<&Protocol>) -> S3Result<Option<String>> {
    match wanted.map(Protocol::as_str) {
        None => Ok(None),
        Some(known @ ("http" | "https")) => Ok(Some(known.to_owned())),
        Some(_) => Err(refused(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."
                .to_owned(),
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(code: Option<&str>, status: Option<&str>) -> RoutingRule {
        RoutingRule {
            condition: Some(Condition {
                http_error_code_returned_equals: status.map(str::to_owned),
                key_prefix_equals: Some("a/".to_owned()),
            }),
            redirect: Redirect { http_redirect_code: code.map(str::to_owned), ..Redirect::default() },
        }
    }

    fn with(index: Option<&str>, rules: Vec<RoutingRule>) -> WebsiteConfiguration {
        WebsiteConfiguration {
            index_document: index.map(|suffix| IndexDocument { suffix: suffix.to_owned() }),
            routing_rules: Some(rules),
            ..WebsiteConfiguration::default()
        }
    }

    #[test]
    fn what_is_no_website_is_refused() {
        let good = decode(&with(Some("index.html"), vec![rule(Some("302"), Some("404"))])).unwrap();
        assert_eq!((good.rules[0].status, good.rules[0].to.code), (Some(404), Some(302)));
        for bad in [
            with(None, vec![]),
            with(Some(""), vec![]),
            with(Some("a/b"), vec![]),
            with(Some(&"s".repeat(LONGEST_KEY + 1)), vec![]),
            with(Some("i"), vec![rule(Some("300"), None)]),
            with(Some("i"), vec![rule(Some("200"), None)]),
            with(Some("i"), vec![rule(None, Some("200"))]),
            with(Some("i"), vec![rule(None, None); 51]),
        ] {
            assert!(decode(&bad).is_err(), "{bad:?}");
        }
        let elsewhere = RedirectAllRequestsTo { host_name: "h.example".to_owned(), protocol: None };
        let both = WebsiteConfiguration { redirect_all_requests_to: Some(elsewhere), ..with(Some("i"), vec![]) };
        assert!(decode(&both).is_err());
        let long = "k".repeat(LONGEST_KEY + 1);
        let error = ErrorDocument { key: long.clone() };
        assert!(decode(&WebsiteConfiguration { error_document: Some(error), ..with(Some("i"), vec![]) }).is_err());
        for redirect in [
            Redirect { replace_key_with: Some(long.clone()), ..Redirect::default() },
            Redirect { replace_key_prefix_with: Some(long), ..Redirect::default() },
            Redirect { host_name: Some("h".repeat(LONGEST_HOST + 1)), ..Redirect::default() },
        ] {
            let long = RoutingRule { condition: None, redirect };
            assert!(decode(&with(Some("i"), vec![long])).is_err());
        }
        assert!(host("a b").is_err() && host("a\r\nb").is_err() && host("").is_err());
    }
}
