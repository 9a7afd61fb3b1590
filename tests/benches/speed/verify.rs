//! Verifying among many stored challenges against among few.

use std::path::Path;
use std::time::{Duration, Instant};

use twofactor::{Answer, NewChallenge, SignIn, TwoFactor};

use crate::setup::{Codes, percentile};
use crate::{row, setup};

const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;

/// Only measured by name: it takes minutes and 6 GB of disk.
const VERY_MANY: u64 = 10_000_000;

const MEASURED: u32 = 800;
const ROUNDS: u32 = 7;

/// The ids of challenges of the last day: a time and random bytes, as those of real ones.
const IDS: &str = "printf('%012x', created_at - 86400000 + i * 86400000 / ?1) || hex(randomblob(12))";

/// Copies one stored challenge until there are as many as wanted.
fn fill(database: &Path, wanted: u64) {
    let db = rusqlite::Connection::open(database).unwrap();
    let mut columns = db.prepare("SELECT name FROM pragma_table_info('challenges')").unwrap();
    let columns: Vec<String> = columns.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let values: Vec<&str> = columns.iter().map(|name| if name == "id" { IDS } else { name.as_str() }).collect();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO challenges ({}) SELECT {} FROM (SELECT * FROM challenges LIMIT 1), n",
        columns.join(", "),
        values.join(", ")
    );
    db.execute(&sql, [wanted]).unwrap();
    let count: u64 = db.query_row("SELECT count(*) FROM challenges", [], |row| row.get(0)).unwrap();
    assert!(count > wanted);
}

async fn one(engine: &TwoFactor, codes: &Codes, number: u32) -> Duration {
    let number = format!("+4179{number:07}");
    let start = NewChallenge::new(SignIn::new("s").tenant("t").user(&number)).phone(&number);
    let challenge = engine.start(start).await.unwrap();
    let code = codes.lock().unwrap().remove(&number).unwrap();
    let begin = Instant::now();
    engine.verify("s", Answer::new(&challenge.id, &code)).await.unwrap();
    begin.elapsed()
}

pub(crate) async fn rows() {
    compare(MANY, "1 000 000").await;
}

/// The row that is only measured by name.
pub(crate) async fn very_many() {
    compare(VERY_MANY, "10 000 000").await;
}

async fn compare(stored: u64, words: &str) {
    let (upstream, codes) = setup::upstream(Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let mut engines = Vec::new();
    for (name, wanted) in [("few.db", FEW), ("many.db", stored)] {
        let database = folder.path().join(name);
        let engine = setup::furnished(&database, setup::network(upstream)).await;
        one(&engine, &codes, 1_000_000).await;
        fill(&database, wanted);
        engines.push(engine);
    }
    // In turns, so that a disk that is slow for a while is slow for both.
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut times = [Vec::new(), Vec::new()];
        for number in 0..MEASURED {
            for (engine, times) in engines.iter().zip(&mut times) {
                times.push(one(engine, &codes, 2_000_000 + round * MEASURED + number).await);
            }
        }
        for times in &mut times {
            times.sort_unstable();
        }
        let [few, many] = times.map(|times| percentile(&times, 99).as_secs_f64() * 1e3);
        rounds.push((many / few, few, many));
    }
    // A p99 depends on a few calls: the result is the median of the rounds' ratios.
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, few, many) = rounds[rounds.len() / 2];
    row(
        &format!("verify p99 with {words} stored challenges against 1 000"),
        format!("{ratio:.3}   {many:.2} ms against {few:.2} ms"),
        "≤ 1.2",
        ratio <= 1.2,
    );
}
