//! Finds the injected faults that the server missed, one by one, after they were judged.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::faults::TruthReport;
use super::missed::Missed;
use super::{Joins, failed, word_of};
use crate::error::Result;
use crate::record::outcome::Word;

/// Examples of each fault in the report.
const EXAMPLES: usize = 10;

impl Joins {
    /// Calls `take` with each missed fault, in the order of the lines; those of dropped events, which have none, come first. To
    /// be called after the faults were judged.
    ///
    /// # Errors
    /// If the database fails, or `take` does.
    pub(crate) fn each_missed(&self, mut take: impl FnMut(Missed) -> Result<()>) -> Result<()> {
        let names: BTreeMap<i64, &String> = self.faults.iter().map(|(name, i)| (*i, name)).collect();
        let (accepted, duplicate) = (Word::Accepted as i64, Word::Duplicate as i64);
        let (present, differs) = (Word::Present as i64, Word::Differs as i64);
        let sql = format!(
            "SELECT t.shard, t.seq, t.fault, t.raw, t.done, o.word, o.status FROM truth t JOIN line l USING(shard, seq)
                JOIN outcome o USING(shard, seq)
                WHERE NOT (t.expect = 1 AND l.expect = 1 AND t.id IS NOT NULL) AND l.expect = 2
                AND o.word IN ({accepted}, {duplicate}, {present}, {differs})
             UNION ALL SELECT shard, seq, fault, raw, done, word, status FROM (
                SELECT t.shard, t.seq, t.fault, t.raw, t.done, o.word, o.status, m.n,
                    row_number() OVER (PARTITION BY t.id, t.fault ORDER BY t.seq DESC) AS place
                FROM missed_copy m JOIN truth t ON t.id = m.id AND t.fault = m.fault AND t.expect = 1
                JOIN outcome o ON o.shard = t.shard AND o.seq = t.seq WHERE o.word = {accepted}) WHERE place <= n
             UNION ALL SELECT t.shard, NULL, t.fault, t.raw, t.done, min(o.word), o.status FROM truth t
                JOIN outcome o ON o.id = t.id WHERE t.seq IS NULL GROUP BY t.rowid
             ORDER BY 1, 2"
        );
        let mut query = self.db.prepare(&sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let read = || -> rusqlite::Result<Missed> {
                let shard: i64 = row.get(0)?;
                let raw: Option<String> = row.get(3)?;
                Ok(Missed {
                    fault: names.get(&row.get(2)?).map_or_else(String::new, |name| (*name).clone()),
                    seq: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
                    shard: self.shards.get(&shard).cloned(),
                    event_id: raw.and_then(|raw| RawValue::from_string(raw).ok()),
                    done: row.get(4)?,
                    outcome: word_of(row.get(5)?).map_or("", Word::as_str),
                    status: row.get(6)?,
                })
            };
            take(read().map_err(failed)?)?;
        }
        Ok(())
    }

    /// Puts the first missed faults of each kind into the report.
    pub(super) fn add_examples(&self, report: &mut TruthReport) -> Result<()> {
        self.each_missed(|missed| {
            let examples = report.faults.get_mut(&missed.fault).map(|fault| &mut fault.missed_examples);
            if let Some(examples) = examples.filter(|examples| examples.len() < EXAMPLES) {
                examples.push(missed);
            }
            Ok(())
        })
    }
}
