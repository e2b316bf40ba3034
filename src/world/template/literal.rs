//! Constants of a profile as JSON.

use toml::de::DeValue;

use super::escape::escaped;
use super::field::Literal;
use super::table::Value;
use crate::error::Result;

impl Literal {
    /// Reads any value. Numbers keep their spelling.
    pub(super) fn read(value: &Value<'_>) -> Result<Self> {
        let json = json(value)?;
        let name = match value.raw() {
            DeValue::String(text) => text.to_string(),
            _ => json.clone(),
        };
        let number = value.digits().and_then(|digits| number(&digits));
        Ok(Self { text: escaped(&name), json, name, number })
    }

    /// A text.
    pub(crate) fn of_text(text: &str) -> Self {
        let text_escaped = escaped(text);
        Self { json: format!("\"{text_escaped}\""), text: text_escaped, name: text.to_owned(), number: None }
    }

    pub(super) fn of_boolean(value: bool) -> Self {
        let text = value.to_string();
        Self { json: text.clone(), text: text.clone(), name: text, number: None }
    }
}

fn json(value: &Value<'_>) -> Result<String> {
    Ok(match value.raw() {
        DeValue::String(text) => format!("\"{}\"", escaped(text)),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(moment) => format!("\"{moment}\""),
        DeValue::Integer(_) => value.digits().ok_or_else(|| value.fault("expected at most 128 bits"))?,
        DeValue::Float(_) => {
            value.number()?;
            value.digits().unwrap_or_default()
        }
        DeValue::Array(items) if items.is_empty() => "[]".to_owned(),
        DeValue::Array(_) => {
            let items: Vec<String> = value.list()?.iter().map(json).collect::<Result<_>>()?;
            format!("[{}]", items.join(","))
        }
        DeValue::Table(_) => {
            let table = value.clone().table()?;
            let member = |(key, value): &(&str, Value<'_>)| Ok(format!("\"{}\":{}", escaped(key), json(value)?));
            let members: Vec<String> = table.entries().iter().map(member).collect::<Result<_>>()?;
            format!("{{{}}}", members.join(","))
        }
    })
}

/// A decimal number without an exponent as a whole number and its decimal places. `None` if it has more than 15 digits.
fn number(digits: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let joined = format!("{whole}{fraction}");
    let is_short = joined.trim_start_matches('-').len() <= 15;
    Some((joined.parse().ok().filter(|_| is_short)?, u32::try_from(fraction.len()).ok()?))
}
