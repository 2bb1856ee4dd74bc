//! Documents of XML as trees: what pages need of answers is a few texts of each.

use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// Deepest document that is read. Answers of our own services have a tenth.
const DEPTH: usize = 32;
/// Most elements of a document that is read. The longest lists are of a thousand, of some ten elements each.
const NODES: usize = 50_000;

/// An element. Some texts are secrets, so that there is no `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Without its prefix.
    pub name: String,
    pub content: String,
    pub children: Vec<Node>,
}

impl Node {
    /// The root element of a document; `None` where it is none.
    pub fn parse(document: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(document).ok()?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        let mut nodes = 0;
        loop {
            let event = reader.read_event().ok()?;
            nodes += usize::from(matches!(event, Event::Start(_) | Event::Empty(_)));
            if nodes > NODES {
                return None;
            }
            match event {
                Event::Start(tag) => {
                    if open.len() > DEPTH {
                        return None;
                    }
                    open.push(Self::named(tag.local_name().as_ref()));
                }
                Event::Empty(tag) => open.last_mut()?.children.push(Self::named(tag.local_name().as_ref())),
                Event::End(_) => {
                    let node = open.pop()?;
                    open.last_mut()?.children.push(node);
                }
                Event::Text(text) => open.last_mut()?.content.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
                Event::CData(text) => open.last_mut()?.content.push_str(&text),
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref().ok()? {
                        Some(character) => character,
                        None => quick_xml::escape::resolve_predefined_entity(&reference)?.chars().next()?,
                    };
                    open.last_mut()?.content.push(character);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        (open.len() == 1).then(|| open.pop()?.children.into_iter().next()).flatten()
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// As [`Node::child`], taken out.
    pub fn take(self, name: &str) -> Option<Self> {
        self.children.into_iter().find(|child| child.name == name)
    }

    /// The children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> + 'a {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        self.child(name).map(|child| child.content.clone()).unwrap_or_default()
    }

    /// The members of a list: `<Users><member>…`.
    pub fn members<'a>(&'a self, list: &str) -> impl Iterator<Item = &'a Self> + 'a {
        self.child(list).into_iter().flat_map(|list| list.children.iter())
    }

    /// Names and texts of the children that are none of `known`.
    pub fn rest<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        let others = self.children.iter().filter(|child| !known.contains(&child.name.as_str()));
        others.map(|child| (child.name.as_str(), child.content.as_str()))
    }
}

/// Text for a document of XML.
pub(crate) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_tree() {
        let node = Node::parse(
            b"<?xml version=\"1.0\"?>\n<L xmlns=\"u\"><a>1 &lt;&#50;&amp;</a><x:b xmlns:x=\"v\"><m>p</m><m>q</m></x:b><c/></L>",
        )
        .unwrap();
        assert_eq!((node.name.as_str(), node.text("a").as_str()), ("L", "1 <2&"));
        assert_eq!(node.members("b").map(|m| m.content.as_str()).collect::<Vec<_>>(), ["p", "q"]);
        assert_eq!((node.text("c"), node.text("d")), (String::new(), String::new()));
        assert_eq!(node.rest(&["a", "b"]).map(|(name, _)| name).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in ["", "text", "<a>", "<a></b>", "<a>&unknown;</a>", &"<a>".repeat(100)] {
            assert!(Node::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Node::parse(&[b'<', 0xff]).is_none());
        let long = |nodes: usize| format!("<a>{}</a>", "<b/>".repeat(nodes));
        assert!(Node::parse(long(NODES - 1).as_bytes()).is_some());
        assert!(Node::parse(long(NODES).as_bytes()).is_none());
    }
}
