//! An empty database of each kind that pserve knows.

use std::sync::LazyLock;

use super::cluster::Cluster;

/// PostgreSQL where it is installed, for all tests together.
static CLUSTER: LazyLock<Option<Cluster>> = LazyLock::new(|| Cluster::start("pserve over PostgreSQL"));

/// The cluster of all tests. `None` if PostgreSQL is not installed, which was said.
pub fn postgres() -> Option<&'static Cluster> {
    CLUSTER.as_ref()
}

/// Each kind, with what `--db` names: nothing for a file of the server's own.
pub fn each() -> Vec<(&'static str, Option<String>)> {
    let mut all = vec![("SQLite", None), ("memory", Some("memory:".to_owned()))];
    all.extend(postgres().map(|cluster| ("PostgreSQL", Some(cluster.database()))));
    all
}
