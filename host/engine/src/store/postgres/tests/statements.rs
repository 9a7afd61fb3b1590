//! The statements of each version of the program, and whether the schema still has what they need.
//!
//! During an upgrade, a program works on the schema of the next version. So the statements that a program sends are kept in
//! `statements/NNNN.txt`, by the number of migrations that it knows, each with the types of its parameters and columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::types::Type;

use super::super::migrations::MIGRATIONS;
use super::*;

/// The recorded statements, with the types of their parameters.
static RECORDED: Mutex<BTreeMap<String, Vec<u32>>> = Mutex::new(BTreeMap::new());

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/postgres/tests/statements")
}

/// A statement, and the names of the types of its parameters and columns.
#[derive(Debug, PartialEq, Eq)]
struct Statement {
    parameters: Vec<String>,
    columns: Vec<String>,
    sql: String,
}

impl Statement {
    /// Returns its text: the types, then the statement.
    fn text(&self) -> String {
        format!("({}) -> ({})\n{}\n", self.parameters.join(", "), self.columns.join(", "), self.sql)
    }

    fn parse(types: &str, sql: &str) -> Self {
        let list = |part: &str| {
            let names = part.trim().trim_start_matches('(').trim_end_matches(')').split(", ");
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let (parameters, columns) = types.split_once("->").unwrap();
        Self { parameters: list(parameters), columns: list(columns), sql: sql.to_owned() }
    }
}

/// Returns the type with a name.
fn type_of(name: &str) -> Type {
    let known = [
        Type::BOOL,
        Type::INT4,
        Type::INT8,
        Type::TEXT,
        Type::BYTEA,
        Type::BOOL_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
    ];
    known.into_iter().find(|one| one.name() == name).unwrap_or_else(|| panic!("the type {name}"))
}

/// Prepares a statement.
async fn prepare(client: &tokio_postgres::Client, sql: &str, types: &[Type]) -> Result<Statement, String> {
    let prepared = client.prepare_typed(sql, types).await.map_err(|error| format!("{error:?}"))?;
    let parameters = prepared.params().iter().map(|one| one.name().to_owned()).collect();
    let columns = prepared.columns().iter().map(|column| column.type_().name().to_owned()).collect();
    Ok(Statement { parameters, columns, sql: sql.to_owned() })
}

#[tokio::test]
async fn the_statements_of_each_version_are_valid_in_the_schema_of_today() {
    let Some(cluster) = Cluster::shared() else { return };
    let client = cluster.client(&cluster.new_database_name().await).await;
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        for pair in lines.chunks(2) {
            let frozen = Statement::parse(pair[0], pair[1]);
            let types: Vec<Type> = frozen.parameters.iter().map(|name| type_of(name)).collect();
            match prepare(&client, &frozen.sql, &types).await {
                Ok(now) => assert_eq!(now, frozen, "{}", file.display()),
                Err(error) => panic!("{}: {}: {error}", file.display(), frozen.sql),
            }
            count += 1;
        }
    }
    assert!(count > 150, "{count}");
}

/// Runs the whole suite, and writes down each statement.
#[test]
#[ignore = "changes a file: run it alone before a release"]
fn write_down_the_statements_of_this_version() {
    conformance_recorded::all();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let number = MIGRATIONS.len();
    let mut text = format!(
        "# The statements of the program that knows {number} migrations: the types of parameters and columns, then the statement.\n\
         # Once such a program is released, this file does not change.\n"
    );
    runtime.block_on(async {
        let cluster = Cluster::shared().unwrap();
        let client = cluster.client(&cluster.new_database_name().await).await;
        let recorded = std::mem::take(&mut *RECORDED.lock().unwrap());
        for (sql, types) in recorded {
            assert!(!sql.contains('\n'), "{sql}");
            let types: Vec<Type> = types.into_iter().map(|oid| Type::from_oid(oid).unwrap()).collect();
            let statement = prepare(&client, &sql, &types).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            write!(text, "\n{}", statement.text()).unwrap();
        }
    });
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::write(folder().join(format!("{number:04}.txt")), text).unwrap();
}

/// The suite, on stores whose connections are recorded.
mod conformance_recorded {
    use super::*;

    async fn open() -> (Arc<dyn Store>, Option<Lent>) {
        let cluster = Cluster::shared().unwrap();
        let (url, lent) = cluster.lend().await;
        let url = url.replace(&cluster.port.to_string(), &record(cluster.port).await.to_string());
        (in_the_time_of_the_suite(&url).await, Some(lent))
    }

    pub(super) fn all() {
        crate::store_conformance!(@one_after_another open);
    }
}

/// Returns a port whose connections lead to the database, and are recorded.
async fn record(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                let (from_client, mut to_client) = client.into_split();
                let (mut from_server, to_server) = server.into_split();
                tokio::select! {
                    _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                    _ = requests(from_client, to_server) => {}
                }
            });
        }
    });
    port
}

/// Passes on the messages of a client, and records those that parse a statement ("Frontend/Backend Protocol" of PostgreSQL's manual).
async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> std::io::Result<()> {
    // The first message has no type.
    let length = from.read_i32().await?;
    to.write_i32(length).await?;
    tokio::io::copy(&mut (&mut from).take(u64::try_from(length - 4).unwrap()), &mut to).await?;
    loop {
        let kind = from.read_u8().await?;
        let length = from.read_i32().await?;
        let mut body = vec![0; usize::try_from(length - 4).unwrap()];
        from.read_exact(&mut body).await?;
        if kind == b'P' {
            let mut parts = body.splitn(3, |byte| *byte == 0);
            let (_name, sql, rest) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let types = rest[2..].chunks(4).map(|oid| u32::from_be_bytes(oid.try_into().unwrap())).collect();
            RECORDED.lock().unwrap().insert(String::from_utf8(sql.to_vec()).unwrap(), types);
        }
        to.write_all(&[&[kind][..], &length.to_be_bytes(), &body].concat()).await?;
    }
}
