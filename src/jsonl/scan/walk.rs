//! Walks over a whole line whose layout is unknown, and tells a [`Sink`] where the fields are. It has its own stack, so that no depth
//! exhausts the thread's.

use std::collections::BTreeMap;

use super::fields::{NONE, index};
use super::not_an_object::{NotAnObject, Problem};
use super::routes::{Route, Routes, Step};
use super::sink::Sink;
use super::text::Text;
use crate::jsonl::value;

/// An object or array on a route to a field.
#[derive(Debug)]
struct Frame {
    state: u32,
    /// Where the routes to its prefixes begin in [`Walker::routes`].
    routes: usize,
    from: usize,
    /// The number of the next element.
    element: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    FirstKey,
    Key,
    FirstElement,
    Element,
    Value,
    Behind,
}

/// Walks lines. Holds only what is reused from one line to the next.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// For each object or array around this place: whether it is an object.
    nesting: Vec<bool>,
    /// The outermost of these, as far as they may hold fields.
    frames: Vec<Frame>,
    /// The routes to the prefixes in the state of each frame, then to those of the next value.
    routes: Vec<Route>,
    found: Found,
}

impl Walker {
    /// Walks a line that must be one object.
    pub(super) fn walk(
        &mut self,
        mut text: Text<'_>,
        routes: &Routes,
        sink: &mut impl Sink,
    ) -> Result<(), NotAnObject> {
        text.skip_space();
        if text.peek() != Some(b'{') {
            return Err(NotAnObject { at: text.at, problem: Problem::NotAnObject });
        }
        self.walk_value(text, routes, sink)
    }

    /// Walks a text that must be one value.
    pub(super) fn walk_value(
        &mut self,
        mut text: Text<'_>,
        routes: &Routes,
        sink: &mut impl Sink,
    ) -> Result<(), NotAnObject> {
        self.begin(routes);
        let mut state = Routes::ROOT;
        let mut next = Next::Value;
        loop {
            text.skip_space();
            match next {
                Next::FirstKey | Next::Key => {
                    match text.peek() {
                        Some(b'"') => {}
                        Some(b'}') if next == Next::FirstKey => {
                            next = Next::Behind;
                            continue;
                        }
                        _ => return Err(text.wrong(Problem::Key)),
                    }
                    let from = text.at;
                    let escapes = text.string()?;
                    state = match self.frame() {
                        None => NONE,
                        Some(frame) => {
                            let raw = &text.line[from..text.at];
                            let step = if escapes {
                                routes.member(frame.state, value::text(raw).unwrap_or_default().as_bytes())
                            } else {
                                routes.member(frame.state, &raw[1..raw.len() - 1])
                            };
                            step.map_or(NONE, |step| self.enter_member(step, routes, sink))
                        }
                    };
                    text.skip_space();
                    text.expect(b':', Problem::Colon)?;
                    next = Next::Value;
                }
                Next::FirstElement if text.peek() == Some(b']') => next = Next::Behind,
                Next::FirstElement | Next::Element => {
                    state = self.enter_element(routes);
                    next = Next::Value;
                }
                Next::Value => {
                    let from = text.at;
                    match text.peek() {
                        Some(bracket @ (b'{' | b'[')) => {
                            text.at += 1;
                            next = self.open(state, from, bracket == b'{', routes, sink);
                        }
                        _ => {
                            text.scalar()?;
                            self.scalar(state, from, text.at, routes, sink);
                            next = Next::Behind;
                        }
                    }
                }
                Next::Behind => {
                    match (text.peek(), self.nesting.last()) {
                        (byte, None) => return byte.map_or(Ok(()), |_| Err(text.wrong(Problem::Trailing))),
                        (Some(b','), Some(true)) => next = Next::Key,
                        (Some(b','), Some(false)) => next = Next::Element,
                        (Some(b'}'), Some(true)) | (Some(b']'), Some(false)) => self.close(text.at + 1, routes, sink),
                        (None, _) => return Err(text.wrong(Problem::EndOfLine)),
                        _ => return Err(text.wrong(Problem::CommaOrBracket)),
                    }
                    text.at += 1;
                }
            }
        }
    }

    fn begin(&mut self, routes: &Routes) {
        self.nesting.clear();
        self.frames.clear();
        self.routes.clear();
        self.routes.resize(routes.fields(), 0);
        self.found.begin(routes.fields());
    }

    /// The object or array around this place, if it may hold fields.
    fn frame(&self) -> Option<&Frame> {
        self.frames.last().filter(|_| self.frames.len() == self.nesting.len())
    }

    /// Moves to the value of a member. Returns its state.
    fn enter_member(&mut self, step: &Step, routes: &Routes, sink: &mut impl Sink) -> u32 {
        let before = self.frames.last().map_or(0, |frame| frame.routes);
        let from = self.enter(step, before);
        for (prefix, route) in routes.prefixes(step.to).iter().zip(&self.routes[from..]) {
            self.found.forget(prefix.field, prefix.routes(*route), sink);
        }
        step.to
    }

    /// Moves to the next element of an array. Returns its state.
    fn enter_element(&mut self, routes: &Routes) -> u32 {
        if self.frames.len() != self.nesting.len() {
            return NONE;
        }
        let Some(frame) = self.frames.last_mut() else { return NONE };
        let (number, before) = (frame.element, frame.routes);
        frame.element += 1;
        routes.element(frame.state, number).map_or(NONE, |step| {
            self.enter(step, before);
            step.to
        })
    }

    /// Adds the routes to the prefixes that a step leads to. Returns where they begin.
    fn enter(&mut self, step: &Step, before: usize) -> usize {
        let from = self.routes.len();
        for (prefix, joined) in step.from() {
            self.routes.push(self.routes[before + *prefix as usize] | joined);
        }
        from
    }

    fn open(&mut self, state: u32, from: usize, is_object: bool, routes: &Routes, sink: &mut impl Sink) -> Next {
        self.nesting.push(is_object);
        if state != NONE {
            let first = self.routes.len() - routes.prefixes(state).len();
            for (end, route) in routes.ends(state).iter().zip(&self.routes[first..]) {
                if self.found.takes(end.field, *route, sink) {
                    sink.open(end.field, from);
                }
            }
            self.frames.push(Frame { state, routes: first, from, element: 0 });
        }
        if is_object { Next::FirstKey } else { Next::FirstElement }
    }

    fn close(&mut self, to: usize, routes: &Routes, sink: &mut impl Sink) {
        if self.frames.len() == self.nesting.len()
            && let Some(frame) = self.frames.pop()
        {
            for (end, route) in routes.ends(frame.state).iter().zip(&self.routes[frame.routes..]) {
                if self.found.is_at(end.field, *route) {
                    sink.close(end.field, to);
                } else {
                    self.found.keep(end.field, *route, (index(frame.from), index(to)));
                }
            }
            self.routes.truncate(frame.routes);
        }
        self.nesting.pop();
    }

    fn scalar(&mut self, state: u32, from: usize, to: usize, routes: &Routes, sink: &mut impl Sink) {
        if state == NONE {
            sink.scalar(NONE, from, to);
            return;
        }
        let first = self.routes.len() - routes.prefixes(state).len();
        let mut main = NONE;
        for (end, route) in routes.ends(state).iter().zip(&self.routes[first..]) {
            if !self.found.takes(end.field, *route, sink) {
                self.found.keep(end.field, *route, (index(from), index(to)));
            } else if main == NONE {
                main = end.field;
                sink.scalar(main, from, to);
            } else {
                sink.also(end.field, main);
            }
        }
        if main == NONE {
            sink.scalar(NONE, from, to);
        }
        self.routes.truncate(first);
    }
}

/// The route on which each field was found, and its positions on other routes.
#[derive(Debug, Default)]
struct Found {
    /// The best route to each field, or [`NOWHERE`] if it has not been found yet.
    best: Vec<Route>,
    /// The positions of fields on other routes. Few lines have any.
    others: BTreeMap<(u32, Route), (u32, u32)>,
}

const NOWHERE: Route = Route::MAX;

impl Found {
    fn begin(&mut self, fields: usize) {
        self.best.clear();
        self.best.resize(fields, NOWHERE);
        self.others.clear();
    }

    /// Whether this is now the best route to a field. The previous best is kept.
    fn takes(&mut self, field: u32, route: Route, sink: &mut impl Sink) -> bool {
        let best = self.best[field as usize];
        if best != NOWHERE {
            sink.again();
        }
        if route > best {
            return false;
        }
        if best != NOWHERE {
            self.keep(field, best, sink.span(field));
        }
        self.best[field as usize] = route;
        true
    }

    fn is_at(&self, field: u32, route: Route) -> bool {
        self.best[field as usize] == route
    }

    fn keep(&mut self, field: u32, route: Route, span: (u32, u32)) {
        self.others.insert((field, route), span);
    }

    /// Forgets the positions of a field on these routes.
    fn forget(&mut self, field: u32, routes: std::ops::RangeInclusive<Route>, sink: &mut impl Sink) {
        let was_best = self.best[field as usize] != NOWHERE && routes.contains(&self.best[field as usize]);
        if was_best {
            self.best[field as usize] = NOWHERE;
            sink.again();
            sink.forget(field);
        }
        if self.others.is_empty() {
            return;
        }
        let gone = (field, *routes.start())..=(field, *routes.end());
        while let Some((key, _)) = self.others.range(gone.clone()).next() {
            let key = *key;
            self.others.remove(&key);
        }
        if was_best && let Some((key, span)) = self.others.range((field, 0)..=(field, NOWHERE)).next() {
            let (key, span) = (*key, *span);
            self.others.remove(&key);
            self.best[field as usize] = key.1;
            sink.restore(field, span);
        }
    }
}
