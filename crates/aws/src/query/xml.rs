//! Answers of the Query protocol.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::se::Serializer;
use serde::Serialize;

use crate::Error;

/// A list: each item within a `member` element.
#[derive(Debug, Serialize)]
pub(super) struct Members<T> {
    member: Vec<T>,
}

impl<T> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { member: items.into_iter().collect() }
    }
}

/// A map: each pair within an `entry` element.
#[derive(Debug, Serialize)]
pub(super) struct Entries<T> {
    entry: Vec<Entry<T>>,
}

#[derive(Debug, Serialize)]
struct Entry<T> {
    key: &'static str,
    value: T,
}

impl<T> FromIterator<(&'static str, T)> for Entries<T> {
    fn from_iter<I: IntoIterator<Item = (&'static str, T)>>(pairs: I) -> Self {
        Self { entry: pairs.into_iter().map(|(key, value)| Entry { key, value }).collect() }
    }
}

/// `<OperationResult>` with its members.
///
/// # Errors
/// [`Error::Xml`] if `result` cannot be written as elements.
pub(super) fn result<T: Serialize>(operation: &str, result: &T) -> Result<String, Error> {
    let mut text = String::new();
    let element = format!("{operation}Result");
    let serializer = Serializer::with_root(&mut text, Some(&element)).map_err(Error::xml)?;
    result.serialize(serializer).map_err(Error::xml)?;
    Ok(text)
}

/// `<OperationResponse>` with what [`result`] wrote, or without a result for operations that
/// answer nothing.
///
/// # Errors
/// [`Error::Xml`], in practice never: all parts are text.
pub(super) fn answer(
    namespace: &str,
    operation: &str,
    result: Option<String>,
    request_id: &str,
) -> Result<Vec<u8>, Error> {
    let result = result.unwrap_or_default();
    let mut writer = Writer::new(Vec::with_capacity(result.len() + 256));
    document(&mut writer, &format!("{operation}Response"), namespace, |writer| {
        // Written by the serializer, so it is escaped already.
        writer.write_event(Event::Text(BytesText::from_escaped(result)))?;
        writer.create_element("ResponseMetadata").write_inner_content(|writer| {
            writer.create_element("RequestId").write_text_content(BytesText::new(request_id))?;
            Ok(())
        })?;
        Ok(())
    })
    .map_err(Error::xml)?;
    Ok(writer.into_inner())
}

/// `<ErrorResponse>`; `sender` tells whose fault it is.
///
/// # Errors
/// [`Error::Xml`], in practice never: all parts are text.
pub(crate) fn error(
    namespace: &str,
    sender: bool,
    code: &str,
    message: &str,
    request_id: &str,
) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(Vec::with_capacity(message.len() + 320));
    document(&mut writer, "ErrorResponse", namespace, |writer| {
        writer.create_element("Error").write_inner_content(|writer| {
            let parts = [("Type", if sender { "Sender" } else { "Receiver" }), ("Code", code), ("Message", message)];
            for (name, text) in parts {
                writer.create_element(name).write_text_content(BytesText::new(text))?;
            }
            Ok(())
        })?;
        writer.create_element("RequestId").write_text_content(BytesText::new(request_id))?;
        Ok(())
    })
    .map_err(Error::xml)?;
    Ok(writer.into_inner())
}

fn document(
    writer: &mut Writer<Vec<u8>>,
    root: &str,
    namespace: &str,
    content: impl FnOnce(&mut Writer<Vec<u8>>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut start = BytesStart::new(root);
    start.push_attribute(("xmlns", namespace));
    writer.write_event(Event::Start(start))?;
    content(writer)?;
    writer.write_event(Event::End(BytesEnd::new(root)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listing {
        users: Members<User>,
        is_truncated: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        marker: Option<String>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct User {
        user_name: String,
    }

    fn text(xml: Result<Vec<u8>, Error>) -> String {
        String::from_utf8(xml.unwrap()).unwrap()
    }

    #[test]
    fn a_listing() {
        let users = ["a<b>&\"c\"", "é"].map(|name| User { user_name: name.to_owned() });
        let listing = Listing { users: users.into_iter().collect(), is_truncated: false, marker: None };
        assert_eq!(
            text(answer("https://x/", "ListUsers", Some(result("ListUsers", &listing).unwrap()), "id")),
            "<ListUsersResponse xmlns=\"https://x/\"><ListUsersResult><Users><member><UserName>a&lt;b&gt;&amp;\"c\"</UserName>\
             </member><member><UserName>é</UserName></member></Users><IsTruncated>false</IsTruncated></ListUsersResult>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListUsersResponse>"
        );
    }

    #[test]
    fn an_empty_list_is_an_empty_element() {
        let listing = Listing { users: Members::from_iter([]), is_truncated: true, marker: Some("m".to_owned()) };
        let xml = text(answer("n", "ListUsers", Some(result("ListUsers", &listing).unwrap()), "id"));
        assert!(xml.contains("<Users/><IsTruncated>true</IsTruncated><Marker>m</Marker>"), "{xml}");
    }

    #[test]
    fn an_operation_without_a_result() {
        let xml = text(answer("n", "DeleteUser", None, "id"));
        assert_eq!(
            xml,
            "<DeleteUserResponse xmlns=\"n\"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteUserResponse>"
        );
    }

    #[test]
    fn an_error_escapes_its_message() {
        let xml = text(error("n", true, "NoSuchEntity", "The user with name <x> & co", "id"));
        assert_eq!(
            xml,
            "<ErrorResponse xmlns=\"n\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name \
             &lt;x&gt; &amp; co</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        );
    }
}
