//! Which fields to look for: dotted paths, as a tree of keys.

/// No node, no field.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Node {
    key: Box<[u8]>,
    field: u32,
    children: Vec<u32>,
    /// All fields at or below this node.
    below: Vec<u32>,
}

/// A set of dotted paths to look for. A dot that belongs to a key is written `\.`.
#[derive(Debug, Clone)]
pub struct FieldSet {
    nodes: Vec<Node>,
    paths: Vec<String>,
}

impl Default for FieldSet {
    fn default() -> Self {
        let root = Node { key: Box::default(), field: NONE, children: Vec::new(), below: Vec::new() };
        Self { nodes: vec![root], paths: Vec::new() }
    }
}

impl FieldSet {
    /// The set of these paths; the index of each is its place in the list. A path given twice has one index.
    pub fn new<P: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.add(path.as_ref());
        }
        set
    }

    /// Adds a path and returns its index.
    pub fn add(&mut self, path: &str) -> usize {
        if let Some(known) = self.paths.iter().position(|p| p == path) {
            return known;
        }
        let field = self.paths.len();
        self.paths.push(path.to_owned());
        let mut node = 0;
        for key in split_path(path) {
            self.nodes[node].below.push(index(field));
            let known = self.nodes[node].children.iter().copied().find(|c| *self.nodes[*c as usize].key == *key);
            node = known.map_or_else(
                || {
                    let new = self.nodes.len();
                    self.nodes.push(Node { key: key.into(), field: NONE, children: Vec::new(), below: Vec::new() });
                    self.nodes[node].children.push(index(new));
                    new
                },
                |child| child as usize,
            );
        }
        self.nodes[node].field = index(field);
        self.nodes[node].below.push(index(field));
        field
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The path with this index.
    pub fn path(&self, field: usize) -> &str {
        &self.paths[field]
    }

    pub(super) const ROOT: u32 = 0;

    /// The field that a node is, if one.
    #[inline]
    pub(super) fn field(&self, node: u32) -> u32 {
        if node == NONE { NONE } else { self.nodes[node as usize].field }
    }

    /// The fields at and below a node.
    #[inline]
    pub(super) fn below(&self, node: u32) -> &[u32] {
        &self.nodes[node as usize].below
    }

    /// The node under a key.
    #[inline]
    pub(super) fn child(&self, node: u32, key: &[u8]) -> u32 {
        let children = &self.nodes[node as usize].children;
        children.iter().copied().find(|c| *self.nodes[*c as usize].key == *key).unwrap_or(NONE)
    }
}

/// A place as it is stored: lines and field sets are far smaller than 4 GiB.
pub(super) fn index(n: usize) -> u32 {
    u32::try_from(n).expect("lines and field sets are far smaller than 4 GiB")
}

/// The keys of a dotted path, unescaped.
fn split_path(path: &str) -> Vec<Vec<u8>> {
    let mut keys = vec![Vec::new()];
    let mut bytes = path.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.peek() == Some(&b'.') => {
                bytes.next();
                keys.last_mut().expect("there is always a key").push(b'.');
            }
            b'.' => keys.push(Vec::new()),
            byte => keys.last_mut().expect("there is always a key").push(byte),
        }
    }
    keys
}
