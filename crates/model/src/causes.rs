//! How an error is told to people.

use std::error::Error;

/// An error and what caused it, in one line: each cause behind the one before, unless that has said it.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = cause.source();
    }
    line.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn causes_follow_and_nothing_is_said_twice() {
        let cause = Told("the file\nis gone", Some(Box::new(Told("no entry", None))));
        assert_eq!(with_causes(&Told("not read", Some(Box::new(cause)))), "not read: the file is gone: no entry");
        let said = Told("not read: no entry", Some(Box::new(Told("no entry", None))));
        assert_eq!(with_causes(&said), "not read: no entry");
    }
}
