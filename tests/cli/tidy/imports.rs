//! Reads which file of `src` depends on which: one arrow for each file that names an item of another.
//!
//! An item belongs to the file that defines it, however it is named: paths are followed through modules and re-exports. So
//! `mod child;` and `pub use child::Item` alone make no arrow from a parent to its child, but code in the parent that uses `Item`
//! does, as does a child that uses an item of its parent. Which method is called only the compiler knows; but where a file adds
//! methods to another file's type and that file calls them, there is an arrow too. Test code is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One file that needs another; both are named by their modules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    /// The first line of `from` that needs `to`.
    pub line: usize,
}

/// The module above; `None` for the root.
pub fn parent(module: &str) -> Option<&str> {
    if module.is_empty() { None } else { Some(module.rsplit_once("::").map_or("", |(parent, _)| parent)) }
}

/// Every arrow between two files, once.
pub fn arrows(files: &[File]) -> Vec<Arrow> {
    let tree = Tree {
        modules: files.iter().flat_map(|file| file.modules.iter().map(|m| (&**m, &*file.module))).collect(),
        bindings: files.iter().flat_map(|file| &file.bindings).collect(),
    };
    let mut first: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut add = |from, to: String, line: usize| {
        if from != to {
            let known = first.entry((from, to)).or_insert(line);
            *known = line.min(*known);
        }
    };
    for file in files {
        for named in &file.named {
            if let Some(Target::Item(to)) = tree.follow(&named.module, &named.path, MOST_STEPS) {
                add(&file.module, to, named.line);
            }
        }
        for (module, path, method) in &file.methods {
            let Some(Target::Item(home)) = tree.follow(module, path, MOST_STEPS) else { continue };
            let home = files.iter().find(|other| other.module == home).expect("a target is one of the files");
            if let Some(line) = home.called.get(method) {
                add(&home.module, file.module.clone(), *line);
            }
        }
    }
    first.into_iter().map(|((from, to), line)| Arrow { from: from.to_owned(), to, line }).collect()
}

/// Re-exports of re-exports are followed this far.
const MOST_STEPS: usize = 16;

/// What all files declare.
struct Tree<'a> {
    /// Each module, and the module whose file holds it.
    modules: BTreeMap<&'a str, &'a str>,
    /// What `use` makes known: module and name.
    bindings: BTreeMap<&'a (String, String), &'a Vec<String>>,
}

/// What a path leads to.
enum Target {
    Module(String),
    /// An item of the file that holds this module.
    Item(String),
}

impl Tree<'_> {
    /// Follows a path written in `module`. `None` if it leads out of the library, or begins with a name that no `use` or `mod`
    /// declares.
    fn follow(&self, module: &str, path: &[String], steps: usize) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let mut at = match &**first {
            "crate" | "pulsepipe" => String::new(),
            "self" => module.to_owned(),
            "super" => parent(module)?.to_owned(),
            name => match self.look_up(module, name, steps)? {
                Target::Module(module) => module,
                item @ Target::Item(_) => return Some(item),
            },
        };
        for name in rest {
            match &**name {
                "super" => at = parent(&at)?.to_owned(),
                "self" => {}
                name => match self.look_up(&at, name, steps) {
                    Some(Target::Module(module)) => at = module,
                    Some(item) => return Some(item),
                    // Imported from another package.
                    None if self.bindings.contains_key(&(at.clone(), name.to_owned())) => return None,
                    None => return Some(Target::Item((*self.modules.get(&*at)?).to_owned())),
                },
            }
        }
        Some(Target::Module(at))
    }

    /// The meaning of a name in a module, as far as `mod` and `use` define it.
    fn look_up(&self, module: &str, name: &str, steps: usize) -> Option<Target> {
        let child = join(module, name);
        if self.modules.contains_key(&*child) {
            return Some(Target::Module(child));
        }
        let path = self.bindings.get(&(module.to_owned(), name.to_owned()))?;
        self.follow(module, path, steps.checked_sub(1)?)
    }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// What one file declares and needs.
#[derive(Clone)]
pub struct File {
    /// The module that it holds: `psend::transport::tls`; empty for `lib.rs`.
    pub module: String,
    /// The same, and the modules written out within it.
    modules: Vec<String>,
    bindings: BTreeMap<(String, String), Vec<String>>,
    named: Vec<Named>,
    /// Methods that it adds to types: the module and path that name the type, and the method.
    methods: Vec<(String, Vec<String>, String)>,
    /// Methods that it calls, with the line of the first call.
    called: BTreeMap<String, usize>,
}

/// A path, and where it is written.
#[derive(Clone)]
struct Named {
    module: String,
    path: Vec<String>,
    line: usize,
}

impl File {
    /// Reads a file by its path below `src` and its text.
    pub fn read(path: &Path, text: &str) -> Self {
        let parts = path.with_extension("");
        let module = parts.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("::");
        let module = if module == "lib" { String::new() } else { module };
        let tokens = without_tests(&tokens(text));
        let mut file = Self {
            modules: vec![module.clone()],
            module,
            bindings: BTreeMap::new(),
            named: Vec::new(),
            methods: Vec::new(),
            called: BTreeMap::new(),
        };
        file.scan(&mut Reader { tokens: &tokens, at: 0 });
        file
    }

    fn scan(&mut self, reader: &mut Reader<'_>) {
        // The modules around the current token, each with the depth of braces at which it ends; the same for an `impl`.
        let mut around = vec![(self.module.clone(), 0)];
        let mut methods_of: Option<(Vec<String>, usize)> = None;
        let mut depth = 0;
        let mut re_exports = BTreeSet::new();
        let mut public = false;
        while let Some(token) = reader.next() {
            let module = around.last().expect("the file's own stays").0.clone();
            match &token.kind {
                Kind::Name(word) if word == "mod" => {
                    let name = reader.name();
                    if reader.peek() == Some(&Kind::Mark('{')) {
                        let inner = join(&module, &name);
                        self.modules.push(inner.clone());
                        around.push((inner, depth));
                    }
                }
                Kind::Name(word) if word == "use" && reader.peek() != Some(&Kind::Mark('<')) => {
                    for (path, name) in reader.use_tree(&[]) {
                        let own_child = !matches!(&*path[0], "crate" | "super" | "pulsepipe");
                        if public && own_child {
                            re_exports.insert((module.clone(), name.clone()));
                        } else {
                            self.named.push(Named { module: module.clone(), path: path.clone(), line: token.line });
                        }
                        self.bindings.insert((module.clone(), name), path);
                    }
                }
                Kind::Name(word) if word == "impl" && methods_of.is_none() => {
                    methods_of = reader.inherent_impl().map(|path| (path, depth));
                }
                Kind::Name(word) if word == "fn" => {
                    if let (Some((path, ends)), Some(Kind::Name(name))) = (&methods_of, reader.peek())
                        && depth == ends + 1
                    {
                        self.methods.push((module, path.clone(), name.clone()));
                    }
                }
                Kind::Name(word) => {
                    let mut path = vec![word.clone()];
                    while let Some(name) = reader.further() {
                        path.push(name);
                    }
                    if path[0] == "Self" && path.len() == 2 {
                        self.called.entry(path[1].clone()).or_insert(token.line);
                    }
                    self.named.push(Named { module, path, line: token.line });
                }
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => {
                    depth -= 1;
                    if around.len() > 1 && around.last().is_some_and(|(_, ends)| *ends == depth) {
                        around.pop();
                    }
                    if methods_of.as_ref().is_some_and(|(_, ends)| *ends == depth) {
                        methods_of = None;
                    }
                }
                // A field or a method: its name does not tell where it comes from.
                Kind::Mark('.') => {
                    if let Some(Kind::Name(name)) = reader.peek() {
                        reader.next();
                        if matches!(reader.peek(), Some(Kind::Mark('(') | Kind::Path)) {
                            self.called.entry(name.clone()).or_insert(token.line);
                        }
                    }
                }
                Kind::Mark(_) | Kind::Path => {}
            }
            public = match &token.kind {
                Kind::Name(word) => word == "pub" || public && matches!(&**word, "crate" | "super" | "in"),
                Kind::Mark('(' | ')') => public,
                _ => false,
            };
        }
        // A single name leads to another file only if it was re-exported: other imports are arrows already.
        self.named.retain(|n| n.path.len() > 1 || re_exports.contains(&(n.module.clone(), n.path[0].clone())));
    }
}

/// Steps through tokens.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn skip(&mut self, kind: &Kind) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    fn name(&mut self) -> String {
        match self.next().map(|token| &token.kind) {
            Some(Kind::Name(name)) => name.clone(),
            other => panic!("expected a name, found {other:?}"),
        }
    }

    /// The next name of a path, if `::` and a name follow.
    fn further(&mut self) -> Option<String> {
        match (self.peek(), self.tokens.get(self.at + 1).map(|token| &token.kind)) {
            (Some(Kind::Path), Some(Kind::Name(name))) => {
                self.at += 2;
                Some(name.clone())
            }
            _ => None,
        }
    }

    /// The type that an `impl` without a trait is for, if the next tokens are one; no token is used up.
    fn inherent_impl(&self) -> Option<Vec<String>> {
        let mut ahead = Reader { tokens: self.tokens, at: self.at };
        let mut angles = 0;
        let mut path = Vec::new();
        while let Some(token) = ahead.next() {
            match &token.kind {
                Kind::Mark('<') => angles += 1,
                Kind::Mark('>') => angles -= 1,
                Kind::Mark('{') => return (!path.is_empty()).then_some(path),
                Kind::Name(word) if word == "for" && angles == 0 => return None,
                Kind::Name(word) if word == "where" && angles == 0 => return (!path.is_empty()).then_some(path),
                Kind::Name(word) if angles == 0 => path.push(word.clone()),
                // `impl Trait` in a signature.
                Kind::Mark('(' | ')' | ',' | ';' | '=') if angles == 0 => return None,
                _ => {}
            }
        }
        None
    }

    /// The paths of a `use`, each with the name that it makes known.
    fn use_tree(&mut self, before: &[String]) -> Vec<(Vec<String>, String)> {
        let mut path = before.to_vec();
        self.skip(&Kind::Path);
        loop {
            if self.skip(&Kind::Mark('*')) {
                path.push("*".to_owned());
                return vec![(path, "*".to_owned())];
            }
            if self.skip(&Kind::Mark('{')) {
                let mut all = Vec::new();
                while !self.skip(&Kind::Mark('}')) {
                    all.extend(self.use_tree(&path));
                    self.skip(&Kind::Mark(','));
                }
                return all;
            }
            path.push(self.name());
            if !self.skip(&Kind::Path) {
                break;
            }
        }
        if path.last().is_some_and(|name| name == "self") && path.len() > 1 {
            path.pop();
        }
        let name = if self.skip(&Kind::Name("as".to_owned())) { self.name() } else { path[path.len() - 1].clone() };
        vec![(path, name)]
    }
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Name(String),
    /// `::`
    Path,
    Mark(char),
}

/// The tokens of Rust code, without comments, texts, characters, lifetimes and numbers.
fn tokens(text: &str) -> Vec<Token> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let token = |kind| Token { kind, line };
        let used = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(len) = string(rest) {
            len
        } else if c == '\'' {
            character(rest)
        } else if is_name(c) {
            let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            if !c.is_ascii_digit() {
                found.push(token(Kind::Name(rest[..len].to_owned())));
            }
            len
        } else if rest.starts_with("::") {
            found.push(token(Kind::Path));
            2
        } else {
            if !c.is_whitespace() {
                found.push(token(Kind::Mark(c)));
            }
            c.len_utf8()
        };
        line += rest[..used].matches('\n').count();
        rest = &rest[used..];
    }
    found
}

/// The length of the string literal that the text begins with, if it does.
fn string(text: &str) -> Option<usize> {
    let open = text.trim_start_matches(['b', 'c']);
    if text.len() - open.len() > 1 {
        return None;
    }
    if let Some(raw) = open.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if !raw[hashes..].starts_with('"') {
            return None;
        }
        let close = format!("\"{}", "#".repeat(hashes));
        let start = text.len() - raw.len() + hashes + 1;
        return Some(text[start..].find(&close).map_or(text.len(), |end| start + end + close.len()));
    }
    let mut escaped = false;
    let start = text.len() - open.strip_prefix('"')?.len();
    for (at, c) in text[start..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of the character or lifetime that the text begins with.
fn character(text: &str) -> usize {
    let inside = &text[1..];
    if inside.starts_with('\\') {
        return 3 + inside[2..].find('\'').unwrap_or(0) + 1;
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    if inside[first..].starts_with('\'') { first + 2 } else { 1 }
}

/// Leaves out items with `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let name = |word: &str| Kind::Name(word.to_owned());
    let (open, close) = (Kind::Mark('('), Kind::Mark(')'));
    let attribute = [Kind::Mark('#'), Kind::Mark('['), name("cfg"), open, name("test"), close, Kind::Mark(']')];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().map(|t| &t.kind).zip(&attribute).all(|(a, b)| a == b)
            || tokens.len() - at < attribute.len()
        {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += attribute.len();
        let mut depth = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.kind {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => depth -= 1,
                Kind::Mark(';') if depth == 0 => break,
                _ => {}
            }
            if depth == 0 && token.kind == Kind::Mark('}') {
                break;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrows of these files, each as `from → to`.
    fn drawn(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::read(Path::new(path), text)).collect();
        arrows(&files).iter().map(|arrow| format!("{} → {}:{}", arrow.from, arrow.to, arrow.line)).collect()
    }

    #[test]
    fn each_way_to_name_an_item_makes_an_arrow() {
        let here = [
            "use super::b::Thing;",
            "use crate::m::b::Thing;",
            "use super::{b::{self, Thing}, c as d};",
            "use super::b as other; fn f() { other::g::<u8>() }",
            "fn f() { super::b::g() }",
            "fn f() { format!(\"{}\", crate::m::b::g()) }",
            "use super::Thing;",
            "type T<'a> = &'a super::super::m::b::Thing;",
            "mod inner { use super::super::b::Thing; }",
        ];
        for text in here {
            let files = [
                ("m.rs", "mod a; pub mod b; mod c; pub use b::Thing;"),
                ("m/a.rs", text),
                ("m/b.rs", ""),
                ("m/c.rs", ""),
            ];
            assert_eq!(drawn(&files), ["m::a → m::b:1"], "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_makes_none() {
        let here = [
            "// use super::b::Thing;",
            "/* super::b::Thing */",
            "const T: &str = \"super::b::Thing\";",
            "const T: &str = r#\"\"super::b::Thing\"#; const C: char = '\"';",
            "#[cfg(test)]\nmod tests { use super::super::b::Thing; }",
            "#[cfg(test)]\nfn f() { super::b::g() }",
            "pub(super) fn b() { std::b::g() }",
            "fn f(b: u8) { self.b(); b.g() }",
        ];
        for text in here {
            assert_eq!(drawn(&[("m/a.rs", text), ("m/b.rs", "")]), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_parent_needs_what_it_uses_not_what_it_hands_on() {
        let drawn = |parent: &str, child: &str| drawn(&[("m.rs", parent), ("m/a.rs", child)]);
        assert_eq!(drawn("mod a;\npub use a::Thing;\npub use self::a::other;", "struct Thing;"), [""; 0]);
        assert_eq!(drawn("mod a;\npub use a::Thing;\nfn f() -> Thing {}", "struct Thing;"), ["m → m::a:3"]);
        assert_eq!(drawn("mod a;\nuse a::Thing;", "struct Thing;"), ["m → m::a:2"]);
        assert_eq!(drawn("mod a;\nstruct Whole;", "use super::Whole;"), ["m::a → m:1"]);
        assert_eq!(drawn("mod a;\nuse std::io::Write;", "use super::Write;"), [""; 0]);
    }

    #[test]
    fn methods_that_another_file_adds_to_a_type_are_needed_where_the_type_calls_them() {
        let add = "use super::Whole;\nimpl Whole {\n    fn check(&self) {}\n}";
        let uses = |body: &str| format!("mod a;\nstruct Whole;\nfn f(w: &Whole) {{ {body} }}");
        assert_eq!(drawn(&[("m.rs", &uses("w.check()")), ("m/a.rs", add)]), ["m → m::a:3", "m::a → m:1"]);
        assert_eq!(drawn(&[("m.rs", &uses("w.check")), ("m/a.rs", add)]), ["m::a → m:1"]);
        let shown = "use super::Whole;\nimpl Show for Whole {\n    fn check(&self) {}\n}";
        assert_eq!(drawn(&[("m.rs", &uses("w.check()")), ("m/a.rs", shown)]), ["m::a → m:1"]);
    }
}
