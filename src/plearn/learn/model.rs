//! What was learnt: kinds of events, and for each member the classes of its values.

use crate::clock::Micros;

/// Everything that a world says.
#[derive(Debug)]
pub(in crate::plearn) struct Learnt {
    pub(in crate::plearn) about: About,
    pub(in crate::plearn) kinds: Vec<Kind>,
    /// In the order of the events.
    pub(in crate::plearn) members: Vec<Learned>,
    /// Weights of the hours of the week, Monday first.
    pub(in crate::plearn) traffic: Option<Vec<f64>>,
    /// For stderr.
    pub(in crate::plearn) warnings: Vec<String>,
}

/// What the head of a world tells.
#[derive(Debug, Default)]
pub(in crate::plearn) struct About {
    pub(in crate::plearn) events: u64,
    /// The first and the last time of the events.
    pub(in crate::plearn) span: Option<(Micros, Micros)>,
    pub(in crate::plearn) min_count: u64,
    /// What is not in the world.
    pub(in crate::plearn) notes: Vec<String>,
}

/// A kind of event: its keys, their order and spacing.
#[derive(Debug)]
pub(in crate::plearn) struct Kind {
    pub(in crate::plearn) name: String,
    pub(in crate::plearn) count: u64,
    pub(in crate::plearn) shape: Node,
}

/// A part of the shape of an event.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) enum Node {
    /// The value of a member, by its place in the list.
    Member(usize),
    Object {
        open: String,
        items: Vec<Item>,
        close: String,
    },
}

/// A member of an object, as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Item {
    /// The comma and spaces before the key.
    pub(in crate::plearn) before: String,
    /// The key in its quotes.
    pub(in crate::plearn) key: String,
    /// The colon and the spaces around it.
    pub(in crate::plearn) colon: String,
    pub(in crate::plearn) node: Node,
}

/// A member of the events.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Learned {
    /// Its path, for people.
    pub(in crate::plearn) path: String,
    pub(in crate::plearn) classes: Vec<Class>,
    /// One value for all classes, which is used if nothing depends on the class.
    pub(in crate::plearn) whole: Option<Value>,
    pub(in crate::plearn) given: Option<Given>,
    /// What was kept and what was made up.
    pub(in crate::plearn) notes: Vec<String>,
}

impl Learned {
    /// The members whose values its own holds.
    pub(in crate::plearn) fn refers_to(&self) -> impl Iterator<Item = usize> + '_ {
        self.classes.iter().flat_map(|class| match &class.value {
            Value::Joined(parts) => parts.iter().filter_map(Part::member).collect(),
            Value::Sum { of, .. } => vec![*of],
            Value::Time { shift: Some(Shift { by: By::Member { place, .. }, .. }), .. } => vec![*place],
            _ => Vec::new(),
        })
    }
}

/// Values that are alike.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Class {
    /// How it is named if other members depend on it.
    pub(in crate::plearn) label: String,
    pub(in crate::plearn) weight: f64,
    pub(in crate::plearn) value: Value,
}

/// How a value is made.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) enum Value {
    Absent,
    Null,
    /// Itself.
    Literal(Literal),
    Numbers(Numbers),
    /// The first number, in the order of the events.
    Counter(i64),
    /// A pattern of pgen; a number if `is_number`.
    Pattern {
        pattern: String,
        is_number: bool,
    },
    /// The number of another member, and more.
    Sum {
        of: usize,
        /// How much more, by the class of the other; `None` if there were too few to tell.
        by: Vec<Option<Numbers>>,
        otherwise: Numbers,
    },
    /// A text with the values of other members.
    Joined(Vec<Part>),
    /// One of several texts, with their weights.
    Choice(Vec<(String, f64)>),
    /// A text of this pattern, from a population. Its number distinguishes it from others of the member.
    Drawn {
        pattern: String,
        pool: Pool,
        nth: usize,
    },
    /// A number of these, from a population. Its number distinguishes it from others of the member.
    DrawnNumber {
        numbers: Numbers,
        pool: Pool,
        nth: usize,
    },
    Time {
        form: Vec<(&'static str, String)>,
        shift: Option<Shift>,
    },
    /// An object in an array.
    Objects(Box<Objects>),
    Array {
        items: Vec<Class>,
        lengths: Numbers,
        separator: String,
    },
}

/// The objects of an array: what they look like, and their members.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Objects {
    pub(in crate::plearn) shape: Node,
    pub(in crate::plearn) members: Vec<Learned>,
}

/// A population, and by which law of Zipf and Mandelbrot its members are drawn: its exponent, and how many ranks are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::plearn) struct Pool {
    pub(in crate::plearn) size: u64,
    pub(in crate::plearn) zipf: f64,
    pub(in crate::plearn) offset: u64,
}

/// How far a time is from that of the event.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Shift {
    pub(in crate::plearn) by: By,
    /// As pgen names it.
    pub(in crate::plearn) unit: &'static str,
}

/// What says how far.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) enum By {
    Numbers(Numbers),
    /// A member, by its place in the list. With `is_back`, the time is earlier by it.
    Member {
        place: usize,
        is_back: bool,
    },
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) enum Part {
    Text(String),
    /// The value of a member, by its place in the list.
    Member(usize),
    /// A pattern of pgen, from a population if there is one. Its number distinguishes it from others of the member.
    Pattern {
        pattern: String,
        pool: Option<Pool>,
        nth: usize,
    },
}

impl Part {
    fn member(&self) -> Option<usize> {
        match self {
            Self::Member(place) => Some(*place),
            _ => None,
        }
    }
}

/// A value that stands in the world.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) enum Literal {
    Text(String),
    /// A number, `true`, `false`, or an array of these, as JSON.
    Json(String),
}

/// A distribution of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Numbers {
    /// Decimal places; 0 for whole numbers.
    pub(in crate::plearn) places: u32,
    /// Probabilities with their values, linear between them.
    pub(in crate::plearn) points: Vec<(f64, f64)>,
    /// Whether it is written as text.
    pub(in crate::plearn) is_quoted: bool,
}

/// What a member depends on.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::plearn) struct Given {
    pub(in crate::plearn) on: On,
    /// For each class of that, the weights of the classes; empty if there were too few to tell.
    pub(in crate::plearn) weights: Vec<Vec<f64>>,
    /// For each class of that, what they depend on further.
    pub(in crate::plearn) further: Vec<Option<Box<Given>>>,
}

impl Given {
    /// Whether it or a further one is this.
    pub(in crate::plearn) fn is_on(&self, on: On) -> bool {
        self.on == on || self.further.iter().flatten().any(|further| further.is_on(on))
    }
}

/// What something depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plearn) enum On {
    /// The kind of the event.
    Kind,
    /// A member, by its place in the list.
    Member(usize),
}
