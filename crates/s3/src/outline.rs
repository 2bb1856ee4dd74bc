//! What may stand in the documents of requests. s3s passes over children of a root, and members of a list, that it
//! does not know; AWS's schema has no room for them. What was asked for and not understood is refused, so that
//! nothing is taken away, or left without protection, by a word that was misspelt.

use http::Method;
use http::request::Parts;

use crate::query;

/// The elements of a kind of document, as s3s reads them (its `xml/generated.rs`). What lies deeper it refuses
/// by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// Children of the root.
    children: &'static [&'static str],
    /// A child that is a list, and its members.
    list: Option<(&'static str, &'static str)>,
}

const fn of(children: &'static [&'static str]) -> Known {
    Known { children, list: None }
}

const RULES: Known = of(&["Rule"]);
const STATUS: Known = of(&["Status"]);

/// Documents of PUT, by the parameter that makes an operation of it.
const PUT: &[(&str, Known)] = &[
    ("accelerate", STATUS),
    ("acl", Known { children: &["AccessControlList", "Owner"], list: Some(("AccessControlList", "Grant")) }),
    ("cors", of(&["CORSRule"])),
    // Of an object it is another document, which has no optional members.
    ("encryption", of(&["Rule", "SSE-KMS"])),
    ("legal-hold", STATUS),
    ("lifecycle", RULES),
    ("logging", of(&["LoggingEnabled"])),
    (
        "notification",
        of(&["CloudFunctionConfiguration", "EventBridgeConfiguration", "QueueConfiguration", "TopicConfiguration"]),
    ),
    ("object-lock", of(&["ObjectLockEnabled", "Rule"])),
    ("ownershipControls", RULES),
    ("publicAccessBlock", PUBLIC_ACCESS),
    ("replication", of(&["Role", "Rule"])),
    ("requestPayment", of(&["Payer"])),
    ("retention", of(&["Mode", "RetainUntilDate"])),
    ("tagging", Known { children: &["TagSet"], list: Some(("TagSet", "Tag")) }),
    ("versioning", of(&["MfaDelete", "Status"])),
    (
        "website",
        Known {
            children: &["ErrorDocument", "IndexDocument", "RedirectAllRequestsTo", "RoutingRules"],
            list: Some(("RoutingRules", "RoutingRule")),
        },
    ),
];
const PUBLIC_ACCESS: Known = of(&["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]);
const NEW_BUCKET: Known =
    Known { children: &["Bucket", "Location", "LocationConstraint", "Tags"], list: Some(("Tags", "Tag")) };
const DELETE: Known = of(&["Object", "Quiet"]);
const COMPLETE: Known = of(&["Part"]);

impl Known {
    /// Those of a request's document, if it is of a kind that is known. `creates` if it would create a bucket;
    /// `of_account` if it is about a whole account.
    #[must_use]
    pub fn of(parts: &Parts, creates: bool, of_account: bool) -> Option<&'static Self> {
        let asks = |name: &str| query::has(&parts.uri, name);
        match parts.method {
            Method::PUT if of_account => Some(&PUBLIC_ACCESS),
            Method::PUT if creates => Some(&NEW_BUCKET),
            Method::PUT => PUT.iter().find(|(name, _)| asks(name)).map(|(_, known)| known),
            Method::POST if asks("delete") => Some(&DELETE),
            Method::POST if asks("uploadId") => Some(&COMPLETE),
            _ => None,
        }
    }
}

/// Longest name that is looked at: longer than any that is known.
const NAME: usize = 64;

/// Looks for elements that are not known, in a document that comes in pieces. Its markup is what
/// [`crate::document::is_plain`] lets pass.
#[derive(Debug)]
pub struct Outline {
    known: &'static Known,
    state: State,
    depth: usize,
    name: Vec<u8>,
    in_list: bool,
    found: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Text,
    /// Behind `<`.
    Begun,
    /// In the name of a tag.
    Name {
        closes: bool,
    },
    /// Behind it: in a quoted value, and whether the last character was a slash.
    Tag {
        closes: bool,
        quote: Option<u8>,
        slash: bool,
    },
    /// Behind `<!`: how many characters of a comment there were, and how many hyphens at the end.
    Comment {
        seen: usize,
        hyphens: usize,
    },
    /// Behind `<?`, and whether the last character was a question mark.
    Instruction {
        question: bool,
    },
}

impl Outline {
    /// Of a document of that kind.
    #[must_use]
    pub const fn new(known: &'static Known) -> Self {
        Self { known, state: State::Text, depth: 0, name: Vec::new(), in_list: false, found: false }
    }

    /// Whether there was an element that no such document has.
    #[must_use]
    pub const fn has_unknown(&self) -> bool {
        self.found
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        for byte in piece {
            self.state = self.next(*byte);
        }
    }

    fn next(&mut self, byte: u8) -> State {
        match self.state {
            State::Text if byte == b'<' => State::Begun,
            State::Text => State::Text,
            State::Begun => match byte {
                b'!' => State::Comment { seen: 0, hyphens: 0 },
                b'?' => State::Instruction { question: false },
                _ => {
                    self.name.clear();
                    let closes = byte == b'/';
                    if !closes {
                        self.name.push(byte);
                    }
                    State::Name { closes }
                }
            },
            State::Name { closes } => match byte {
                b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n' => {
                    if !closes {
                        self.named();
                    }
                    self.in_tag(closes, None, false, byte)
                }
                _ => {
                    if self.name.len() <= NAME {
                        self.name.push(byte);
                    }
                    self.state
                }
            },
            State::Tag { closes, quote, slash } => self.in_tag(closes, quote, slash, byte),
            State::Comment { seen, hyphens } => match byte {
                b'-' => State::Comment { seen: seen + 1, hyphens: hyphens + 1 },
                b'>' if hyphens >= 2 => {
                    // What begins and ends with the same hyphens is read in two ways.
                    self.found |= seen < 4;
                    State::Text
                }
                _ => State::Comment { seen: seen + 1, hyphens: 0 },
            },
            State::Instruction { question } if byte == b'>' && question => State::Text,
            State::Instruction { .. } => State::Instruction { question: byte == b'?' },
        }
    }

    fn in_tag(&mut self, closes: bool, quote: Option<u8>, slash: bool, byte: u8) -> State {
        match (quote, byte) {
            (Some(open), _) => State::Tag { closes, quote: Some(open).filter(|open| *open != byte), slash: false },
            (None, b'"' | b'\'') => State::Tag { closes, quote: Some(byte), slash: false },
            (None, b'>') => {
                match (closes, slash) {
                    (true, _) => self.depth = self.depth.saturating_sub(1),
                    (false, true) => {}
                    (false, false) => self.depth += 1,
                }
                State::Text
            }
            (None, _) => State::Tag { closes, quote: None, slash: byte == b'/' },
        }
    }

    /// An element begins.
    fn named(&mut self) {
        let is = |name: &str| name.as_bytes() == self.name;
        match self.depth {
            1 => {
                self.found |= !self.known.children.iter().any(|name| is(name));
                self.in_list = self.known.list.is_some_and(|(list, _)| is(list));
            }
            2 if self.in_list => self.found |= !self.known.list.is_some_and(|(_, member)| is(member)),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn known(method: &str, uri: &str) -> &'static Known {
        let parts = http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0;
        Known::of(&parts, false, false).unwrap()
    }

    /// Whether a document is one of its kind, however it comes.
    fn is_one(known: &'static Known, document: &str) -> bool {
        let in_pieces = |size: usize| {
            let mut outline = Outline::new(known);
            document.as_bytes().chunks(size).for_each(|piece| outline.update(piece));
            !outline.has_unknown()
        };
        let (whole, bytes) = (in_pieces(usize::MAX), in_pieces(1));
        assert_eq!(whole, bytes, "{document}");
        whole
    }

    #[test]
    fn what_is_misspelt_is_no_document() {
        for (uri, good, bad) in [
            (
                "/b?publicAccessBlock",
                "<P><BlockPublicPolicy>true</BlockPublicPolicy></P>",
                "<P><BlockPUBLICPolicy>true</BlockPUBLICPolicy></P>",
            ),
            (
                "/b?object-lock",
                "<O><ObjectLockEnabled/><Rule/></O>",
                "<O><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rules/></O>",
            ),
            ("/b/k?retention", "<R></R>", "<R><Foo/></R>"),
            ("/b/k?legal-hold", "<L><Status>ON</Status></L>", "<L><status>ON</status></L>"),
            ("/b?versioning", "<V><MfaDelete/><Status>Enabled</Status></V>", "<V><MFADelete>Enabled</MFADelete></V>"),
            ("/b?notification", "<N/>", "<N><SqsConfiguration/></N>"),
            ("/b?encryption", "<E><Rule></Rule></E>", "<E><Rule/><Rules/></E>"),
            ("/b?ownershipControls", "<O><Rule/></O>", "<O><Rulle/></O>"),
            (
                "/b?website",
                "<W><RoutingRules><RoutingRule><Redirect/></RoutingRule></RoutingRules></W>",
                "<W><RoutingRules><Rule/></RoutingRules></W>",
            ),
            ("/b?cors", "<C><CORSRule/></C>", "<C><CorsRule/></C>"),
            ("/b?lifecycle", "<L><Rule><ID>a</ID></Rule></L>", "<L><Rule/><x/></L>"),
            ("/b?tagging", "<T><TagSet><Tag><Key>a</Key></Tag></TagSet></T>", "<T><TagSet><Tagg/></TagSet></T>"),
            (
                "/b?acl",
                "<A><Owner><ID/></Owner><AccessControlList><Grant/></AccessControlList></A>",
                "<A><Grants/></A>",
            ),
            ("/b?requestPayment", "<R><Payer>Requester</Payer></R>", "<R><payer/></R>"),
        ] {
            let known = known("PUT", uri);
            assert!(is_one(known, good), "{good}");
            assert!(!is_one(known, bad), "{bad}");
        }
        assert!(!is_one(known("POST", "/b?delete"), "<Delete><DryRun>true</DryRun><Object/></Delete>"));
        assert!(!is_one(known("POST", "/b/k?uploadId=u"), "<C><Part/><Parts/></C>"));
        let create = http::Request::put("/b").body(()).unwrap().into_parts().0;
        let create = Known::of(&create, true, false).unwrap();
        assert!(is_one(create, "<C><LocationConstraint>eu-west-1</LocationConstraint></C>"));
        assert!(!is_one(create, "<C><LocationConstrain>eu-west-1</LocationConstrain></C>"));
    }

    #[test]
    fn markup_hides_nothing() {
        let known = known("PUT", "/b?versioning");
        for good in [
            "<?xml version=\"1.0\"?>\n<!-- <Foo/> --><V xmlns=\"a>b/\" a='<x'>\n<Status >On</Status ><!----><MfaDelete  /></V>",
            "<V a=\"/\"><Status a='/>'>On</Status></V>",
            "<V><Status><Deep/></Status></V>",
            "<?a > <Foo/> ?><V/>",
        ] {
            assert!(is_one(known, good), "{good}");
        }
        for bad in [
            "<V><Status/><Foo/></V>",
            "<V><Status></Status><Foo></Foo></V>",
            "<V a='>'><Foo/></V>",
            "<V a=\"'\"><!-- ' --><Foo/></V>",
            "<V><!--><Status>--><Foo/></V>",
            "<V><!---><Status>--><Foo/></V>",
            "<V><x:Status/></V>",
            "<V><StatusStatusStatusStatusStatusStatusStatusStatusStatusStatusStatusStatus/></V>",
        ] {
            assert!(!is_one(known, bad), "{bad}");
        }
    }
}
