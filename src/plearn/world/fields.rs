//! The fields of a world: for each member its value, and what it depends on.

use super::names::{away_of, case_of, drawn_of, more_of, names, part_of};
use super::role::{Role, main_class, roles};
use super::template;
use super::toml::{comment, key, name_of, number, text};
use super::values::{Around, Settings, choice, inline, length, numbers, settings, share};
use crate::plearn::learn::model::{By, Class, Given, Kind, Learned, Numbers, Objects, On, Part, Pool, Shift, Value};

/// Writes weights as a value or the settings of a field, in one line.
type Branch<'b> = &'b dyn Fn(&[f64]) -> String;

/// Writes the fields of a member behind `out`.
pub(super) struct Writer<'w> {
    /// The table that the fields are in.
    pub(super) within: String,
    pub(super) kinds: &'w [Kind],
    pub(super) around: Around<'w>,
}

impl Writer<'_> {
    pub(super) fn write(&self, place: usize, out: &mut String) {
        let (member, name) = (&self.around.members[place], &*self.around.names[place]);
        match self.around.roles[place] {
            Role::Constant => return,
            Role::List => match &member.given {
                None => self.table(out, name, &choice(&weighted(&member.classes))),
                Some(given) => self.given(out, name, given, &member.classes, &|weights| {
                    inline(&choice(&member.classes.iter().zip(weights.iter().copied()).collect::<Vec<_>>()))
                }),
            },
            Role::Alone => {
                let lines = match (&member.whole, main_class(member)) {
                    (Some(whole), _) => settings(whole, name, &self.around),
                    (None, Some(class)) => {
                        let mut lines = settings(&class.value, name, &self.around);
                        lines.extend(shares(member));
                        lines
                    }
                    (None, None) => vec![("null", "1".to_owned())],
                };
                self.table(out, name, &lines);
            }
            Role::Cases => {
                let case = case_of(name);
                let labels = |weights: &[f64]| {
                    let total: f64 = weights.iter().sum();
                    let used = member.classes.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
                    let used: Vec<(&Class, f64)> = used.map(|(class, weight)| (class, weight / total)).collect();
                    match &used[..] {
                        [(class, _)] => text(&class.label),
                        _ => {
                            let item = |(class, part): &(&Class, f64)| {
                                format!("[{}, {}]", text(&class.label), number(share(*part, 100.0)))
                            };
                            format!("{{ choice = [{}] }}", used.iter().map(item).collect::<Vec<_>>().join(", "))
                        }
                    }
                };
                match &member.given {
                    None => {
                        let weights: Vec<f64> = member.classes.iter().map(|class| class.weight).collect();
                        let inner = labels(&weights);
                        let list = inner.strip_prefix("{ choice = ").and_then(|list| list.strip_suffix(" }"));
                        match list {
                            Some(list) => self.table(out, &case, &vec![("choice", list.to_owned())]),
                            None => self.table(out, &case, &vec![("constant", inner)]),
                        }
                    }
                    Some(given) => self.given(out, &case, given, &member.classes, &labels),
                }
                self.table(out, name, &vec![("given", text(&case))]);
                out.push_str(&format!("[{}.{}.when]\n", self.within, key(name)));
                for class in member.classes.iter().filter(|class| objects_of(&class.value).is_none()) {
                    out.push_str(&format!(
                        "{} = {}\n",
                        key(&class.label),
                        inline(&settings(&class.value, name, &self.around))
                    ));
                }
            }
        }
        self.objects(place, out);
        let times = member.classes.iter().map(|class| &class.value).chain(&member.whole);
        for value in times {
            if let Value::Time { shift: Some(Shift { by: By::Numbers(distance), .. }), .. } = value {
                self.table(out, &away_of(name), &numbers(distance));
                break;
            }
        }
        let sum = member.classes.iter().find_map(|class| match &class.value {
            Value::Sum { of, by, otherwise } => Some((*of, by, otherwise)),
            _ => None,
        });
        if let Some((of, by, otherwise)) = sum {
            self.more(out, &more_of(name), of, by, otherwise);
        }
        let joined = member.classes.iter().filter_map(|class| match &class.value {
            Value::Joined(parts) => Some(parts),
            _ => None,
        });
        for part in joined.flatten() {
            match part {
                Part::Pattern { pattern, pool: None, nth } => {
                    self.table(out, &part_of(name, *nth), &vec![("pattern", text(pattern))]);
                }
                Part::Pattern { pattern, pool: Some(pool), nth } => {
                    self.population(out, &part_of(name, *nth), &text_of(pattern), *pool)
                }
                _ => {}
            }
        }
        for class in &member.classes {
            match &class.value {
                Value::Drawn { pattern, pool, nth } => {
                    self.population(out, &drawn_of(name, *nth), &text_of(pattern), *pool)
                }
                Value::DrawnNumber { numbers: found, pool, nth } => {
                    let field = format!("number = {}", inline(&numbers(found)));
                    self.population(out, &drawn_of(name, *nth), &field, *pool);
                }
                _ => {}
            }
        }
    }

    /// The objects within arrays of a member, each a template with fields of its own.
    fn objects(&self, place: usize, out: &mut String) {
        let (member, name) = (&self.around.members[place], &*self.around.names[place]);
        for class in &member.classes {
            let Some((objects, lengths, separator)) = objects_of(&class.value) else { continue };
            let mut field = format!("{}.{}", self.within, key(name));
            if self.around.roles[place] == Role::Cases {
                field = format!("{field}.when.{}", key(&class.label));
                out.push_str(&format!("[{field}]\n"));
                let settings = length(lengths, separator);
                settings.iter().for_each(|(setting, value)| out.push_str(&format!("{setting} = {value}\n")));
            }
            out.push_str(&format!("[{field}.array]\n"));
            write_objects(objects, &format!("{field}.array.fields"), out);
        }
    }

    /// A field for how much more a number is than another.
    fn more(&self, out: &mut String, name: &str, of: usize, by: &[Option<Numbers>], otherwise: &Numbers) {
        let plain = |more: &Numbers| numbers(&Numbers { is_quoted: false, ..more.clone() });
        if by.iter().all(Option::is_none) {
            self.table(out, name, &plain(otherwise));
            return;
        }
        let otherwise = inline(&plain(otherwise));
        self.table(out, name, &vec![("given", text(&case_of(&self.around.names[of]))), ("otherwise", otherwise)]);
        out.push_str(&format!("[{}.{}.when]\n", self.within, key(name)));
        for (class, more) in self.around.members[of].classes.iter().zip(by) {
            if let Some(more) = more {
                out.push_str(&format!("{} = {}\n", key(&class.label), inline(&plain(more))));
            }
        }
    }

    /// A field whose weights depend on another.
    fn given(&self, out: &mut String, name: &str, given: &Given, classes: &[Class], branch: Branch<'_>) {
        let weights: Vec<f64> = classes.iter().map(|class| class.weight).collect();
        self.branches(out, &format!("{}.{}", self.within, key(name)), given, &weights, branch);
    }

    /// The table of a field, or of a branch, with a branch for each value of the other. Values without one have these weights.
    fn branches(&self, out: &mut String, table: &str, given: &Given, weights: &[f64], branch: Branch<'_>) {
        let (on, values) = self.asked(given.on);
        let is_told = |weights: &[f64]| weights.iter().sum::<f64>() > 0.0;
        out.push_str(&format!("[{table}]\ngiven = {}\n", text(&on)));
        if given.weights.iter().any(|weights| !is_told(weights)) {
            out.push_str(&format!("otherwise = {}\n", branch(weights)));
        }
        out.push_str(&format!("[{table}.when]\n"));
        let told = || values.iter().zip(&given.weights).zip(&given.further).filter(|((_, own), _)| is_told(own));
        // Values with the same branch share a line.
        let mut branches: Vec<(String, Vec<&str>)> = Vec::new();
        for ((value, own), _) in told().filter(|(_, further)| further.is_none()) {
            let written = branch(own);
            let may_join = |name: &str| !name.contains('|') && name.trim() == name;
            let joined = branches.iter_mut().find(|(other, names)| {
                *other == written
                    && may_join(value)
                    && names.iter().all(|name| may_join(name))
                    && !name_is_joined(names, value, &values)
            });
            match joined {
                Some((_, names)) => names.push(value),
                None => branches.push((written, vec![value])),
            }
        }
        for (written, names) in branches {
            out.push_str(&format!("{} = {written}\n", key(&names.join("|"))));
        }
        for ((value, own), further) in told() {
            if let Some(further) = further {
                self.branches(out, &format!("{table}.when.{}", key(value)), further, own, branch);
            }
        }
    }

    /// The field that says the class of what something depends on, and its values.
    fn asked(&self, on: On) -> (String, Vec<String>) {
        let On::Member(place) = on else {
            return ("event".to_owned(), self.kinds.iter().map(|kind| kind.name.clone()).collect());
        };
        let (classes, name) = (&self.around.members[place].classes, &self.around.names[place]);
        let label = |class: &Class| class.label.clone();
        let value = |class: &Class| match &class.value {
            Value::Literal(value) => name_of(value),
            _ => class.label.clone(),
        };
        match self.around.roles[place] {
            Role::List => (name.clone(), classes.iter().map(value).collect()),
            _ => (case_of(name), classes.iter().map(label).collect()),
        }
    }

    /// A population whose members have one field, and a field that draws from it.
    fn population(&self, out: &mut String, name: &str, field: &str, pool: Pool) {
        self.table(out, name, &vec![("draw", text(name))]);
        out.push_str(&format!("[populations.{}]\n", key(name)));
        #[allow(clippy::cast_precision_loss)] // two digits
        let size = number(pool.size as f64);
        out.push_str(&format!("size = {size}\n"));
        if pool.zipf > 0.0 {
            out.push_str(&format!("zipf = {}\n", number(pool.zipf)));
            if pool.offset > 0 {
                out.push_str(&format!("offset = {}\n", pool.offset));
            }
        }
        out.push_str(&format!("fields = {{ {field} }}\n"));
    }

    /// A field with its settings, one a line.
    fn table(&self, out: &mut String, name: &str, settings: &Settings) {
        out.push_str(&format!("[{}.{}]\n", self.within, key(name)));
        for (setting, value) in settings {
            if value.len() > 150 && *setting == "choice" {
                out.push_str(&format!("{setting} = [\n"));
                let inner = &value[1..value.len() - 1];
                out.push_str(&format!("  {},\n]\n", inner.replace("], [", "],\n  [")));
            } else {
                out.push_str(&format!("{setting} = {value}\n"));
            }
        }
    }
}

/// What an array of objects is.
fn objects_of(value: &Value) -> Option<(&Objects, &Numbers, &str)> {
    let Value::Array { items, lengths, separator } = value else { return None };
    let most = items.iter().max_by(|a, b| a.weight.total_cmp(&b.weight))?;
    match &most.value {
        Value::Objects(objects) => Some((objects, lengths, separator)),
        _ => None,
    }
}

fn text_of(pattern: &str) -> String {
    format!("text = {{ pattern = {} }}", text(pattern))
}

/// Whether names that are joined by `|` would be another value.
fn name_is_joined(names: &[&str], more: &str, all: &[String]) -> bool {
    let joined = names.iter().copied().chain([more]).collect::<Vec<_>>().join("|");
    all.contains(&joined)
}

fn weighted(classes: &[Class]) -> Vec<(&Class, f64)> {
    classes.iter().map(|class| (class, class.weight)).collect()
}

/// The shares in which a value is there, and null if it is.
fn shares(member: &Learned) -> Settings {
    let weight = |value: &Value| -> f64 {
        member.classes.iter().filter(|class| class.value == *value).map(|class| class.weight).sum()
    };
    let all: f64 = member.classes.iter().map(|class| class.weight).sum();
    let (absent, null) = (weight(&Value::Absent), weight(&Value::Null));
    let mut out = Settings::new();
    if absent > 0.0 {
        out.push(("presence", number(share(1.0 - absent / all, 1.0))));
    }
    if null > 0.0 {
        out.push(("null", number(share(null / (all - absent), 1.0))));
    }
    out
}

/// Objects within an array: their template, and their fields in the table `within`.
fn write_objects(objects: &Objects, within: &str, out: &mut String) {
    let Objects { shape, members: learned } = objects;
    let paths: Vec<&str> = learned.iter().map(|member| &*member.path).collect();
    let names = names(&paths);
    let roles = roles(learned);
    out.push_str(&format!("template = {}\n", template::write(shape, learned, &names)));
    let around = Around { members: learned, names: &names, roles: &roles };
    let writer = Writer { within: within.to_owned(), kinds: &[], around };
    let used = template::members(shape);
    for (place, member) in learned.iter().enumerate() {
        if roles[place] != Role::Constant && used.contains(&place) {
            comment(out, &format!("{}: {}.", member.path, notes(&member.notes)));
            writer.write(place, out);
        }
    }
}

/// What was kept and what was made up.
pub(super) fn notes(notes: &[String]) -> String {
    if notes.is_empty() { "its form is kept, its values are made up".to_owned() } else { notes.join("; ") }
}
