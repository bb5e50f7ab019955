//! Messages on disk, so that a restart (or a kill) loses none: one SQLite table.

use super::message::{Content, Delivery, Message};
use rusqlite::{Connection, Transaction, params};
use std::path::Path;

pub(super) struct Store {
    connection: Connection,
}

/// One change to write. All changes of an operation are written together.
pub(super) enum Change<'a> {
    /// A new message, or one that moved to this queue.
    Put(&'a str, &'a Message),
    /// A message's delivery changed.
    Update(&'a Message),
    Remove(u64),
}

impl Store {
    /// Opens or creates the file. Commits survive the death of this process; the power may fail.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS messages (
                seq INTEGER PRIMARY KEY, queue TEXT NOT NULL, content TEXT NOT NULL, delivery TEXT NOT NULL
            )",
        )?;
        Ok(Self { connection })
    }

    /// Every message with its queue's name.
    pub(super) fn load(&self) -> rusqlite::Result<Vec<(String, Message)>> {
        let mut statement = self.connection.prepare("SELECT seq, queue, content, delivery FROM messages ORDER BY seq")?;
        let rows = statement.query_map([], |row| {
            let content: String = row.get(2)?;
            let delivery: String = row.get(3)?;
            Ok((row.get(0)?, row.get(1)?, content, delivery))
        })?;
        let mut messages = Vec::new();
        for row in rows {
            let (seq, queue, content, delivery): (u64, String, String, String) = row?;
            let content: Content = serde_json::from_str(&content).map_err(|error| unreadable(2, error))?;
            let delivery: Delivery = serde_json::from_str(&delivery).map_err(|error| unreadable(3, error))?;
            messages.push((queue, Message { seq, content, delivery }));
        }
        Ok(messages)
    }

    /// Writes all changes, or none.
    pub(super) fn write(&mut self, changes: &[Change<'_>]) -> rusqlite::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for change in changes {
            apply(&transaction, change)?;
        }
        transaction.commit()
    }
}

fn apply(transaction: &Transaction<'_>, change: &Change<'_>) -> rusqlite::Result<()> {
    let json = |value: serde_json::Result<String>| value.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)));
    match change {
        Change::Put(queue, message) => {
            let content = json(serde_json::to_string(&message.content))?;
            let delivery = json(serde_json::to_string(&message.delivery))?;
            let mut statement = transaction.prepare_cached("INSERT OR REPLACE INTO messages VALUES (?1, ?2, ?3, ?4)")?;
            statement.execute(params![message.seq, queue, content, delivery])?;
        }
        Change::Update(message) => {
            let delivery = json(serde_json::to_string(&message.delivery))?;
            transaction.prepare_cached("UPDATE messages SET delivery = ?2 WHERE seq = ?1")?.execute(params![message.seq, delivery])?;
        }
        Change::Remove(seq) => {
            transaction.prepare_cached("DELETE FROM messages WHERE seq = ?1")?.execute(params![seq])?;
        }
    }
    Ok(())
}

fn unreadable(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}
