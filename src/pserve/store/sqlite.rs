//! Events in a SQLite file. The only module beside PostgreSQL's that knows SQL.

mod blocks;
mod file;
mod reader;
mod writer;

use std::path::Path;

use super::{Reader, Store, StoreError};
use crate::error::Result;
use file::File;
use reader::SqliteReader;
pub(in crate::pserve) use writer::SqliteWriter;

/// A SQLite file that holds events.
#[derive(Debug, Clone)]
pub(in crate::pserve) struct Sqlite {
    file: File,
}

impl Sqlite {
    /// Opens the file for writing. Creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be opened, is not a database, or belongs to another program.
    pub(in crate::pserve) fn open(path: &Path) -> Result<(Self, SqliteWriter)> {
        let file = File::at(path);
        let connection = file.open()?;
        let writer = SqliteWriter::new(file.clone(), connection).map_err(|e| file.error(&e))?;
        Ok((Self { file }, writer))
    }
}

impl Store for Sqlite {
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(SqliteReader::open(&self.file)?))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::file::{APPLICATION, MIGRATIONS};
    use super::*;
    use crate::pserve::store::blocks::EVENTS;
    use crate::pserve::store::{Facts, Record, Search, SearchFields, Writer};

    #[test]
    fn a_file_of_the_first_version_is_brought_to_the_newest() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let old = Connection::open(&path).expect("a database");
        old.execute_batch(MIGRATIONS[0]).expect("the first schema");
        old.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 1")).expect("numbers");
        old.execute(
            "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, body) VALUES ('t', 'e', 1, 2, ?1)",
            [r#"{"event_id":"e","metrics":{"response_time_ms":"12.5"},"context":{"tags":{"device_type":"mobile"}}}"#],
        )
        .expect("a row");
        drop(old);
        let (store, _writer) = Sqlite::open(&path).expect("it is brought to the newest version");
        let fields = SearchFields { device: Some("mobile".to_owned()), ..SearchFields::default() };
        let mut found = Vec::new();
        let mut reader = store.reader().expect("a reader");
        let all = Search { limit: 1, ..Search::default() };
        assert_eq!(reader.search("t", &all).expect("it reads").total, 1);
        reader.facts(&mut |_, facts| found.push(facts.clone())).expect("it reads");
        assert_eq!(found, [Facts { timestamp: 1, fields, response_time_ms: Some(12.5) }]);
    }

    #[test]
    fn a_file_of_the_third_version_has_its_blocks_after_the_first_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let old = Connection::open(&path).expect("a database");
        MIGRATIONS[..2].iter().for_each(|migration| old.execute_batch(migration).expect("the second schema"));
        let events = i64::try_from(3 * EVENTS + 5).expect("few");
        for number in 0..events {
            old.execute(
                "INSERT INTO events (tenant_id, external_id, timestamp, ingested_at, service, body, response_time_ms) \
                 VALUES ('t', 'e' || ?1, ?1, 2, 's' || (?1 % 7), ?1, 0.5)",
                [number],
            )
            .expect("a row");
        }
        old.execute_batch(MIGRATIONS[2]).expect("the third schema");
        old.execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 3")).expect("numbers");
        let (store, writer) = Sqlite::open(&path).expect("it is brought to the newest version");
        let count = |sql| old.query_row::<i64, _, _>(sql, [], |row| row.get(0)).expect("it counts");
        assert_eq!(count("SELECT count(*) FROM blocks"), 3);
        assert_eq!(count("SELECT count(*) FROM events WHERE id > (SELECT max(last) FROM blocks)"), 5);
        let mut reader = store.reader().expect("a reader");
        let fields = SearchFields { service: Some("s3".to_owned()), ..SearchFields::default() };
        let page = reader.search("t", &Search { fields, limit: 2, ..Search::default() }).expect("it reads");
        let wanted = (0..events).filter(|number| number % 7 == 3).map(|number| number.to_string().into_bytes());
        let wanted: Vec<Vec<u8>> = wanted.collect();
        assert_eq!(page.total, wanted.len() as u64);
        assert_eq!(page.events, [wanted[wanted.len() - 1].clone(), wanted[wanted.len() - 2].clone()]);
        // A second start leaves them as they are.
        drop(writer);
        let _again = Sqlite::open(&path).expect("it opens");
        assert_eq!(count("SELECT count(*) FROM blocks"), 3);
    }

    #[test]
    fn a_file_that_is_removed_takes_nothing_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let (store, mut writer) = Sqlite::open(&path).expect("a database");
        let mut reader = store.reader().expect("a reader");
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("events.db{suffix}")));
        }
        assert!(matches!(reader.check(), Err(StoreError::Away(_))));
        writer.insert(&[], &[]).expect("it makes a new file");
        assert!(path.exists() && store.reader().expect("a reader").check().is_ok());
    }

    #[test]
    fn numbers_that_are_given_out_again_and_a_restart_leave_no_event_unfound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.db");
        let record = |number: i64| Record {
            tenant: "t".into(),
            external_id: format!("e{number}"),
            timestamp: number % 7,
            ingested_at: 0,
            fields: SearchFields {
                service: Some("s".repeat(usize::try_from(number % 300).expect("small"))),
                ..SearchFields::default()
            },
            response_time_ms: None,
            body: number.to_string(),
        };
        let mut wanted: Vec<i64> = Vec::new();
        let mut from = 0;
        for round in 0..12 {
            let (store, mut writer) = Sqlite::open(&path).expect("a database");
            let records: Vec<Record> = (from..from + 23).map(record).collect();
            writer.insert(&records, &[]).expect("it is stored");
            wanted.extend(from..from + 23);
            from += 23;
            // The newest are removed, sometimes to the middle of a block, so that the next events get their numbers.
            for _ in 0..(round * 7) % 20 {
                let gone = wanted.pop().expect("some are left");
                assert!(writer.delete("t", &format!("e{gone}")).expect("it works").is_some());
            }
            let mut reader = store.reader().expect("a reader");
            let page = reader.search("t", &Search { limit: 1000, ..Search::default() }).expect("it reads");
            let mut found: Vec<i64> =
                page.events.iter().map(|body| String::from_utf8_lossy(body).parse().expect("a number")).collect();
            found.sort_unstable();
            assert_eq!(found, wanted, "round {round}");
            for number in wanted.iter().step_by(5) {
                let search = Search { fields: record(*number).fields, limit: 9, ..Search::default() };
                assert!(reader.search("t", &search).expect("it reads").total >= 1, "{number}");
            }
        }
    }
}
