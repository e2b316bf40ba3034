//! Which events a filter lets through: `service=payment-service,region=EU,status_code>=500`.

use std::cmp::Ordering;
use std::fmt;

use super::event::FieldMap;
use super::number;
use crate::jsonl::value;

/// How a field's value is compared with the filter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The comparison operators, longer ones first.
const COMPARISONS: [(&str, Operator); 6] = [
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

/// One condition on one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    path: String,
    comparison: Operator,
    text: String,
    number: Option<f64>,
    /// The number, if it is written without fraction and exponent.
    whole: Option<i128>,
}

impl Condition {
    /// The dotted path of its field.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The condition that a field equals this text.
    pub(crate) fn equals(name: &str, text: &str, map: &FieldMap) -> Self {
        Self::new(map.resolve(name), Operator::Equal, text)
    }

    fn new(path: &str, comparison: Operator, text: &str) -> Self {
        let number = text.parse().ok().filter(|n: &f64| n.is_finite());
        Self { path: path.to_owned(), comparison, number, whole: whole(text.as_bytes()), text: text.to_owned() }
    }

    /// Whether a raw value (`None` where the event has no such field) meets it.
    ///
    /// Numbers compare as numbers, whole ones exactly. For equality, a string compares only as text (version `1.10` is not `1.1`). For
    /// less and greater, it compares as the number that it holds.
    pub(crate) fn holds(&self, raw: Option<&[u8]>) -> bool {
        let Some(raw) = raw else { return self.comparison == Operator::NotEqual };
        let is_text = raw.starts_with(b"\"");
        let is_equality = matches!(self.comparison, Operator::Equal | Operator::NotEqual);
        let order = if is_text && is_equality { None } else { self.order(raw) };
        let equal = || order.map_or_else(|| value::label(raw) == self.text, Ordering::is_eq);
        match self.comparison {
            Operator::Equal => equal(),
            Operator::NotEqual => !equal(),
            Operator::Less => order.is_some_and(Ordering::is_lt),
            Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
            Operator::Greater => order.is_some_and(Ordering::is_gt),
            Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }

    /// Compares a raw value with the filter's. Returns `None` unless both are numbers.
    fn order(&self, raw: &[u8]) -> Option<Ordering> {
        let ours = self.number?;
        // Shorter whole numbers are exact as doubles.
        if let Some(ours) = self.whole
            && raw.len() > 15
            && let Some(theirs) = whole(number::unquoted(raw))
        {
            return Some(theirs.cmp(&ours));
        }
        number::number(raw)?.partial_cmp(&ours)
    }
}

/// Parses a number without fraction and exponent. Returns `None` for any other, and for more than 38 digits.
fn whole(text: &[u8]) -> Option<i128> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_whole = (1..=38).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_whole)?.parse().ok()
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = COMPARISONS.iter().find(|(_, c)| *c == self.comparison).map_or("", |(sign, _)| sign);
        write!(f, "{}{sign}{}", self.path, self.text.replace(',', "\\,"))
    }
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
}

impl Filter {
    /// Parses conditions separated by commas. A comma in a value is written `\,`. Fields are dotted paths or the short names that `map`
    /// resolves.
    ///
    /// # Errors
    /// A message that names the condition and the expected form.
    pub(crate) fn parse(text: &str, map: &FieldMap) -> Result<Self, String> {
        Self::parse_with(text, |name| map.resolve(name).to_owned())
    }

    /// Like [`Filter::parse`], but `path_of` resolves names to paths.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn parse_with(text: &str, path_of: impl Fn(&str) -> String) -> Result<Self, String> {
        let conditions = split(text).iter().map(|item| condition(item.trim(), &path_of)).collect::<Result<_, _>>()?;
        Ok(Self { conditions })
    }

    /// The conditions.
    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, condition) in self.conditions.iter().enumerate() {
            write!(f, "{}{condition}", if place > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// Splits a list at its commas. A comma in an item is written `\,`.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let item = items.last_mut().expect("there is always one");
        match c {
            '\\' if chars.peek() == Some(&',') => item.extend(chars.next()),
            ',' => items.push(String::new()),
            c => item.push(c),
        }
    }
    items
}

fn condition(item: &str, path_of: impl Fn(&str) -> String) -> Result<Condition, String> {
    let form =
        || format!("'{item}' is not a condition such as service=payment-service, region!=EU or status_code>=500");
    let at = item.find(['=', '!', '<', '>']).filter(|at| *at > 0).ok_or_else(form)?;
    let (name, rest) = item.split_at(at);
    let (sign, comparison) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(form)?;
    let text = rest[sign.len()..].trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    let condition = Condition::new(&path_of(name.trim()), *comparison, text);
    if condition.number.is_none() && !matches!(comparison, Operator::Equal | Operator::NotEqual) {
        return Err(format!("'{item}': expected a number after {sign}"));
    }
    Ok(condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, raw: Option<&str>) -> bool {
        let filter = Filter::parse(condition, &FieldMap::default()).expect(condition);
        filter.conditions()[0].holds(raw.map(str::as_bytes))
    }

    #[test]
    fn conditions_compare_text_and_numbers() {
        assert!(holds("service=auth-service", Some("\"auth-service\"")));
        assert!(!holds("service=auth", Some("\"auth-service\"")));
        assert!(holds("city=São Paulo", Some(r#""S\u00e3o Paulo""#)));
        assert!(holds("status_code>=500", Some("500")));
        assert!(!holds("status_code>=500", Some("499.9")));
        assert!(holds("status_code>=500", Some("\"500\"")));
        assert!(!holds("status_code>=500", Some("\"499.9\"")));
        assert!(!holds("status_code<500", Some("\"abc\"")));
        assert!(!holds("status_code<500", Some("\"-\"")));
        assert!(holds("status_code=500", Some("\"500\"")));
        assert!(holds("status_code=200", Some("2e2")));
        assert!(holds("cache_hit=true", Some("true")));
        assert!(holds("user_id!=null", Some("\"user_1\"")));
        assert!(!holds("user_id!=null", Some("null")));
    }

    #[test]
    fn a_text_is_equal_to_the_same_text_alone() {
        assert!(holds("version=1.10", Some("\"1.10\"")));
        assert!(!holds("version=1.1", Some("\"1.10\"")));
        assert!(holds("version!=1.1", Some("\"1.10\"")));
        assert!(holds("user_id=007", Some("\"007\"")));
        assert!(!holds("user_id=7", Some("\"007\"")));
    }

    #[test]
    fn whole_numbers_compare_exactly_however_long_they_are() {
        assert!(holds("big=12345678901234567890", Some("12345678901234567890")));
        assert!(!holds("big=12345678901234567890", Some("12345678901234567891")));
        assert!(holds("big>9007199254740992", Some("9007199254740993")));
        assert!(!holds("big>9007199254740993", Some("9007199254740993")));
        assert!(holds("big<-9007199254740992", Some("-9007199254740993")));
        assert!(holds("big>=9007199254740993", Some("1e16")));
        assert!(holds("big>1", Some(&"9".repeat(60))));
        assert!(holds("big>9007199254740992", Some("\"9007199254740993\"")));
    }

    #[test]
    fn a_missing_field_meets_only_an_inequality() {
        assert!(!holds("service=x", None));
        assert!(holds("service!=x", None));
        assert!(!holds("status_code<500", None));
    }

    #[test]
    fn commas_join_conditions_and_names_are_resolved() {
        let filter = Filter::parse("service=a, payload.note=x\\,y", &FieldMap::default()).expect("two conditions");
        let paths: Vec<_> = filter.conditions().iter().map(Condition::path).collect();
        assert_eq!(paths, ["source.service", "payload.note"]);
        assert_eq!(filter.to_string(), "source.service=a,payload.note=x\\,y");
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for bad in ["", "service", "=x", "a=1,,b=2", "status_code>=high", "a!b"] {
            assert!(Filter::parse(bad, &FieldMap::default()).is_err(), "{bad}");
        }
    }
}
