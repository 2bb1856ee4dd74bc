//! What pages say, in English and Spanish: one table, a row for each text. A row without its
//! translation does not compile.

mod table;

pub(crate) use table::Texts;

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Spanish,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// What it calls itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
        }
    }

    pub const fn texts(self) -> &'static Texts {
        match self {
            Self::English => &table::ENGLISH,
            Self::Spanish => &table::SPANISH,
        }
    }

    /// The language that was chosen, or the first of `accepted` that there is.
    pub fn of(chosen: Option<&str>, accepted: &str) -> Self {
        let known = |tag: &str| Self::ALL.into_iter().find(|language| tag.starts_with(language.tag()));
        let accepted = || accepted.split(',').find_map(|tag| known(&tag.trim().to_ascii_lowercase()));
        chosen.and_then(known).or_else(accepted).unwrap_or(Self::English)
    }
}

/// `text` with each `{}` replaced by the next of `values`.
pub(crate) fn fill(text: &str, values: &[&str]) -> String {
    let mut pieces = text.split("{}");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for (at, piece) in pieces.enumerate() {
        filled.push_str(values.get(at).copied().unwrap_or_default());
        filled.push_str(piece);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_translated() {
        let holes = |text: &str| text.matches("{}").count();
        for (name, english, spanish) in table::rows() {
            assert!(!english.is_empty() && !spanish.is_empty(), "{name}");
            assert_eq!(holes(english), holes(spanish), "{name}");
            let end = |text: &str| text.chars().next_back().filter(|c| ".:?…".contains(*c));
            assert_eq!(end(english), end(spanish), "{name}: one is a sentence and the other is not");
            // Long texts that are the same were forgotten.
            assert!(english != spanish || english.split(' ').count() < 3, "{name}");
        }
    }

    #[test]
    fn a_choice_wins_over_what_the_browser_accepts() {
        assert_eq!(Language::of(None, "de, es-ES;q=0.8, en;q=0.5"), Language::Spanish);
        assert_eq!(Language::of(Some("en"), "es"), Language::English);
        assert_eq!(Language::of(Some("xx"), "fr"), Language::English);
        assert_eq!(fill("a {} b {}", &["1", "{}"]), "a 1 b {}");
    }
}
