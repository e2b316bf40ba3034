//! The forms of alerts: pulsepipe's own (`at`, `until`, `name`, `labels`), those of Alertmanager and Grafana, and any other whose paths
//! `--fields` gives.

use crate::clock::Micros;
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::value;
use crate::record::moment;

/// What an alert has, its name in `--fields`, and where it is by itself: in pulsepipe's form, then in that of the webhooks of
/// Alertmanager (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>) and Grafana
/// (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>).
const ROLES: [(&str, &[&str]); 4] = [
    ("at", &["at", "startsAt"]),
    ("until", &["until", "endsAt"]),
    ("name", &["name", "labels.alertname"]),
    ("labels", &["labels"]),
];

/// The list of alerts in a notification of Alertmanager or Grafana.
const LIST: &str = "alerts";

/// The paths of what an alert has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pstats) struct AlertForm {
    paths: [Vec<String>; 4],
}

impl Default for AlertForm {
    fn default() -> Self {
        Self { paths: ROLES.map(|(_, paths)| paths.iter().map(|path| (*path).to_owned()).collect()) }
    }
}

impl AlertForm {
    /// The form that `--fields` describes, and what it says of events.
    ///
    /// # Errors
    /// If a path is empty or given twice.
    pub(in crate::pstats) fn from_fields(text: &str) -> Result<(Self, Option<String>), String> {
        let mut form = Self::default();
        let (mut of_events, mut given) = (Vec::new(), Vec::new());
        for pair in text.split(',') {
            let (name, path) = pair.trim().split_once('=').unwrap_or((pair, ""));
            let Some(role) = ROLES.iter().position(|(known, _)| *known == name) else {
                of_events.push(pair);
                continue;
            };
            if path.replace("\\.", "-").split('.').any(str::is_empty) {
                return Err(format!("'{}': expected the path of an alert's field, such as at=startsAt", pair.trim()));
            }
            if given.contains(&role) {
                return Err(format!("'{name}' is given twice"));
            }
            given.push(role);
            form.paths[role] = vec![path.to_owned()];
        }
        Ok((form, (!of_events.is_empty()).then(|| of_events.join(","))))
    }

    /// The path of the time at which an alert began, as messages name it.
    fn at(&self) -> String {
        self.paths[0].iter().map(|path| format!("'{path}'")).collect::<Vec<_>>().join(" or ")
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alert {
    /// When it began.
    pub at: Micros,
    /// When it ended, if that is known.
    pub until: Option<Micros>,
    /// What it is called.
    pub name: String,
    /// Its labels, the same text for the same labels. Empty without any.
    pub labels: String,
}

/// Reads alerts.
pub(super) struct AlertReader<'a> {
    form: &'a AlertForm,
    scanner: Scanner,
    list: usize,
    places: [Vec<usize>; 4],
}

impl<'a> AlertReader<'a> {
    /// A reader of this form.
    pub(super) fn new(form: &'a AlertForm) -> Self {
        let mut fields = FieldSet::default();
        let list = fields.add(LIST);
        let places = form.paths.each_ref().map(|paths| paths.iter().map(|path| fields.add(path)).collect());
        Self { form, scanner: Scanner::new(fields), list, places }
    }

    /// Passes on each alert of a line: the line itself, or those in the list of a notification. What cannot be read is an error
    /// that says why.
    pub(super) fn read(&mut self, line: &[u8], mut take: impl FnMut(Result<Alert, String>)) {
        let mut spans = Spans::default();
        if self.scanner.scan(line, &mut spans).is_err() {
            return take(Err("not a JSON object".to_owned()));
        }
        let list = spans.raw(line, self.list).filter(|_| self.field(0, line, &spans).is_none());
        match list.map(serde_json::from_slice::<Vec<&serde_json::value::RawValue>>) {
            None => take(self.alert(line, &spans)),
            Some(Err(_)) => take(Err(format!("'{LIST}' is not a list"))),
            Some(Ok(list)) => {
                for (place, element) in list.into_iter().map(|element| element.get().as_bytes()).enumerate() {
                    let read = match self.scanner.scan(element, &mut spans) {
                        Ok(()) => self.alert(element, &spans),
                        Err(_) => Err("not a JSON object".to_owned()),
                    };
                    take(read.map_err(|why| format!("{LIST}.{place}: {why}")));
                }
            }
        }
    }

    fn alert(&self, object: &[u8], spans: &Spans) -> Result<Alert, String> {
        let (path, raw) = self.field(0, object, spans).ok_or_else(|| {
            format!("no {}: expected when the alert began; --fields at=PATH names another field", self.form.at())
        })?;
        let at = moment_in(path, raw)?;
        let until = self.field(1, object, spans).map(|(path, raw)| moment_in(path, raw)).transpose()?;
        // Go's zero time, which Alertmanager and Grafana write while an alert is firing.
        let until = until.filter(|until| *until > crate::clock::FIRST);
        if until.is_some_and(|until| until < at) {
            return Err("it ends before it begins".to_owned());
        }
        let name =
            self.field(2, object, spans).map_or_else(|| "(no name)".into(), |(_, raw)| value::label(raw).into_owned());
        let labels = self.field(3, object, spans).map(|(_, raw)| raw);
        let labels = labels.and_then(|raw| serde_json::from_slice::<serde_json::Value>(raw).ok());
        Ok(Alert { at, until, name, labels: labels.map(|labels| labels.to_string()).unwrap_or_default() })
    }

    /// The value in a role, and its path. Null is no value.
    fn field<'b>(&self, role: usize, object: &'b [u8], spans: &Spans) -> Option<(&'a str, &'b [u8])> {
        let paths = self.places[role].iter().zip(&self.form.paths[role]);
        paths
            .filter_map(|(place, path)| Some((path.as_str(), spans.raw(object, *place)?)))
            .find(|(_, raw)| *raw != b"null")
    }
}

fn moment_in(path: &str, raw: &[u8]) -> Result<Micros, String> {
    const LONGEST: usize = 60;
    let shown = || String::from_utf8_lossy(raw).chars().take(LONGEST).collect::<String>();
    moment::read(raw).map_err(|why| format!("'{path}' is {}: {why}", shown()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Micros = 1_767_571_200_000_000;

    fn read(fields: &str, line: &str) -> Vec<Result<Alert, String>> {
        let form = AlertForm::from_fields(fields).expect("a form").0;
        let mut all = Vec::new();
        AlertReader::new(&form).read(line.as_bytes(), |alert| all.push(alert));
        all
    }

    fn alert(name: &str, until: Option<Micros>, labels: &str) -> Alert {
        Alert { at: AT, until, name: name.to_owned(), labels: labels.to_owned() }
    }

    #[test]
    fn the_own_form_has_a_time_and_perhaps_more() {
        let own =
            r#"{"at":"2026-01-05T00:00:00Z","until":"2026-01-05T00:00:01Z","name":"Slow","labels":{"b":"1", "a":"2"}}"#;
        assert_eq!(read("x=y", own), [Ok(alert("Slow", Some(AT + 1_000_000), r#"{"a":"2","b":"1"}"#))]);
        assert_eq!(read("x=y", r#"{"at":1767571200,"until":null}"#), [Ok(alert("(no name)", None, ""))]);
    }

    #[test]
    fn webhooks_of_alertmanager_and_grafana_are_read_as_they_are() {
        let one = r#"{"status":"firing","labels":{"alertname":"Slow"},"startsAt":"2026-01-05T01:00:00+01:00","endsAt":"0001-01-01T00:00:00Z"}"#;
        let two = one.replace("0001-01-01T00:00:00Z", "2026-01-05T00:00:01Z");
        let labels = r#"{"alertname":"Slow"}"#;
        let webhook = format!(r#"{{"receiver":"r","version":"4","status":"firing","alerts":[{one},{two}]}}"#);
        let expected = [Ok(alert("Slow", None, labels)), Ok(alert("Slow", Some(AT + 1_000_000), labels))];
        assert_eq!(read("x=y", &webhook), expected);
        assert_eq!(read("x=y", one), expected[..1], "as Alertmanager's API lists them");
    }

    #[test]
    fn another_form_needs_its_paths() {
        let line = r#"{"time":1767571200000,"timeEnd":1767571201000,"alertName":"Slow","tags":["a"]}"#;
        let fields = "at=time,until=timeEnd,name=alertName,labels=tags";
        assert_eq!(read(fields, line), [Ok(alert("Slow", Some(AT + 1_000_000), r#"["a"]"#))]);
        let (_, rest) = AlertForm::from_fields("timestamp=ts,at=time,id=uuid").expect("a form");
        assert_eq!(rest.as_deref(), Some("timestamp=ts,id=uuid"));
        assert_eq!(AlertForm::from_fields("at=time").expect("a form").1, None);
        for wrong in ["at=", "at=a..b", "at", "at=a,at=b"] {
            assert!(AlertForm::from_fields(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_alert_says_why() {
        for (line, why) in [
            ("ALERT", "not a JSON object"),
            (r#"{"name":"a"}"#, "no 'at' or 'startsAt'"),
            (r#"{"at":"soon"}"#, "'at' is \"soon\": "),
            (r#"{"at":1767571200,"until":1767571100}"#, "it ends before it begins"),
            (r#"{"alerts":7}"#, "'alerts' is not a list"),
            (r#"{"alerts":[7]}"#, "alerts.0: not a JSON object"),
            (r#"{"alerts":[{"labels":{}}]}"#, "alerts.0: no 'at' or 'startsAt'"),
        ] {
            let read = read("x=y", line);
            assert!(read.len() == 1 && read[0].as_ref().is_err_and(|found| found.starts_with(why)), "{line}: {read:?}");
        }
        assert_eq!(read("x=y", r#"{"alerts":[]}"#), []);
    }
}
