//! Values that condition operators compare: numbers, dates, addresses, bytes.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// A decimal number, exact to nine places: AWS compares integers and decimals, and binary
/// floating point would make large or fractional limits leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

impl Number {
    const PLACES: usize = 9;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let decimal = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let given = whole.len() + fraction.len();
        if given == 0 || !decimal(whole) || !decimal(fraction) {
            return None;
        }
        // However a number is written it is that number, or a Deny could be written around.
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if fraction.len() > Self::PLACES {
            return None;
        }
        // What is larger than anything that is compared is that: more than anything.
        let scaled = format!("{whole}{fraction:0<places$}", places = Self::PLACES).parse().unwrap_or(i128::MAX);
        Some(Self(if negative { -scaled } else { scaled }))
    }
}

impl Number {
    /// The number, and what lies next to it: whole numbers, and the nearest that can be written.
    pub(crate) fn around(&self) -> Vec<String> {
        const ONE: i128 = 1_000_000_000;
        let near = [0, ONE, -ONE, 1, -1].map(|step| self.0.saturating_add(step));
        near.into_iter().map(|scaled| Self(scaled).shown()).collect()
    }

    fn shown(self) -> String {
        let digits = format!("{:0>width$}", self.0.unsigned_abs(), width = Self::PLACES + 1);
        let (whole, fraction) = digits.split_at(digits.len() - Self::PLACES);
        let sign = if self.0 < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{fraction}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A moment: nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i128);

impl Moment {
    /// The W3C profile of ISO 8601 (`2026`, `2026-11`, `2026-11-21`, `2026-11-21T20:00Z`,
    /// with seconds, fractions and offsets) or whole seconds since the epoch.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse::<i64>().ok().map(|seconds| Self(i128::from(seconds) * 1_000_000_000));
        }
        let text = text.to_ascii_uppercase();
        let moment = match text.split_once('T') {
            None => PrimitiveDateTime::new(date(&text)?, Time::MIDNIGHT).assume_utc(),
            Some((day, time)) => moment(day, time)?,
        };
        Some(Self(moment.unix_timestamp_nanos()))
    }
}

impl Moment {
    /// The moment, and what lies next to it: a second away, and a nanosecond.
    pub(crate) fn around(&self) -> Vec<String> {
        const SECOND: i128 = 1_000_000_000;
        let near = [0, SECOND, -SECOND, 1, -1].into_iter().filter_map(|step| self.0.checked_add(step));
        near.filter_map(|at| OffsetDateTime::from_unix_timestamp_nanos(at).ok()?.format(&Rfc3339).ok()).collect()
    }
}

fn moment(day: &str, time: &str) -> Option<OffsetDateTime> {
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let seconds = if clock.len() == "00:00".len() { ":00" } else { "" };
    let zone = if zone.is_empty() { "Z" } else { zone };
    OffsetDateTime::parse(&format!("{day}T{clock}{seconds}{zone}"), &Rfc3339).ok()
}

fn date(text: &str) -> Option<Date> {
    let mut fields = text.split('-');
    let mut field = |width: usize| match fields.next() {
        Some(digits) if digits.len() == width => digits.parse::<u16>().ok().map(Some),
        Some(_) => None,
        None => Some(None),
    };
    let (year, month, day) = (field(4)??, field(2)?.unwrap_or(1), field(2)?.unwrap_or(1));
    if fields.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}

/// An address range; a bare address is a range of one.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().map(|net| net.trunc()).or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

/// An address; an IPv4 address inside IPv6 is the IPv4 address.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// S3 User Guide, "The meaning of public": ranges as wide as a /8 (IPv4) or /32 (IPv6) are fixed. How
/// addresses are cut into ranges makes no difference, and all together are at most sixteen of these.
pub(crate) fn are_narrow(nets: &[IpNet]) -> bool {
    let mut parts = (0_u128, 0_u128);
    let each = IpNet::aggregate(&nets.to_vec()).into_iter().all(|net| {
        let (sum, widest) = match net {
            IpNet::V4(_) => (&mut parts.0, 8),
            IpNet::V6(_) => (&mut parts.1, 32),
        };
        let narrower = net.prefix_len().checked_sub(widest);
        *sum += narrower.map_or(0, |bits| 1_u128 << (96 - bits));
        narrower.is_some()
    });
    each && parts.0.max(parts.1) <= 16_u128 << 96
}

/// The first and the last address of a range, and those next to them outside.
pub(crate) fn around(net: &IpNet) -> Vec<IpAddr> {
    let (first, last) = (net.network(), net.broadcast());
    let next = |address: IpAddr, up: bool| match address {
        IpAddr::V4(address) => {
            let bits = u32::from(address);
            (if up { bits.checked_add(1) } else { bits.checked_sub(1) }).map(|bits| IpAddr::V4(bits.into()))
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            (if up { bits.checked_add(1) } else { bits.checked_sub(1) }).map(|bits| IpAddr::V6(bits.into()))
        }
    };
    [Some(first), Some(last), next(first, false), next(last, true)].into_iter().flatten().collect()
}

/// Standard base64 of some bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes behind standard base64.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// `true` or `false`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_as_decimals() {
        assert_eq!(Number::parse("1.50"), Number::parse("1.5"));
        assert!(Number::parse("9007199254740993") > Number::parse("9007199254740992"));
        assert!(Number::parse("-2") < Number::parse("-1.5"));
        assert_eq!(Number::parse("000000000000000000001000"), Number::parse("1000"));
        assert_eq!(Number::parse("0.50000000000"), Number::parse(".5"));
        let huge = "9".repeat(100);
        assert!(Number::parse(&huge) > Number::parse("999999999999999999999"));
        assert!(Number::parse(&format!("-{huge}")) < Number::parse("-1"));
        for text in ["", "-", ".", "1e5", "0x1", "1,5", "1.0000000001", "NaN", "١"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn neighbours_are_written_as_they_are_read() {
        for text in ["0", "10", "-2.5", "0.000000001"] {
            let number = Number::parse(text).unwrap();
            let around: Vec<_> = number.around().iter().map(|text| Number::parse(text).unwrap()).collect();
            assert!(around.contains(&number) && around.iter().any(|n| *n < number), "{text}");
            assert!(around.iter().any(|n| *n > number), "{text}");
        }
        let moment = Moment::parse("2026-01-01T00:00:00Z").unwrap();
        let around: Vec<_> = moment.around().iter().map(|text| Moment::parse(text).unwrap()).collect();
        assert_eq!(around.iter().filter(|at| **at < moment).count(), 2);
        let net = network("0.0.0.0/8").unwrap();
        assert_eq!(around_texts(&net), ["0.0.0.0", "0.255.255.255", "1.0.0.0"]);
    }

    fn around_texts(net: &IpNet) -> Vec<String> {
        around(net).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn dates_in_every_w3c_precision() {
        let new_year = Moment::parse("2026-01-01T00:00:00Z").unwrap();
        for text in [
            "2026",
            "2026-01",
            "2026-01-01",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00.000Z",
            "2026-01-01T01:00:00+01:00",
            "1767225600",
            "2026-01-01T00:00:00",
        ] {
            assert_eq!(Moment::parse(text), Some(new_year), "{text}");
        }
        for text in [
            "",
            "26",
            "2026-13",
            "2026-02-30",
            "2026-1-1",
            "2026-01-01T25:00Z",
            "yesterday",
            "2026-01-01-01",
            "-2026",
            "99999999999999999999",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_and_ranges() {
        assert!(network("203.0.113.0/24").unwrap().contains(&address("203.0.113.9").unwrap()));
        assert!(network("10.0.0.1").unwrap().contains(&address("::ffff:10.0.0.1").unwrap()));
        assert!(!network("2001:db8::/32").unwrap().contains(&address("2001:db9::1").unwrap()));
        for text in ["10.0.0.0/33", "10.0.0", "host", ""] {
            assert_eq!(network(text), None, "{text}");
        }
    }
}
