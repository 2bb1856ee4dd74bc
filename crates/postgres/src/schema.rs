//! The schema and its versions: made and brought forward by one gateway at a time, never back.

use arqueta_store::Error;
use tokio_postgres::{Client, Transaction};

use crate::OpenError;
use crate::error::failed;
use crate::settings::Settings;

/// What brings a schema to each version, from the one before.
const VERSIONS: [&str; 1] = [include_str!("sql/1.sql")];

/// The oldest server that has everything that is used.
const OLDEST_SERVER: i32 = 130_000;

/// First half of the numbers of locks that sessions hold; the second is the schema's. These are apart from
/// the locks of keys, which are one number.
pub(crate) const SERVING: i32 = 0x4152_5131;
const MIGRATING: i32 = 0x4152_5132;

/// The number of a schema in locks.
pub(crate) fn number(schema: &str) -> i32 {
    schema.bytes().fold(0x0811_c9dc, |hash: i32, byte| (hash ^ i32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Makes the schema, or brings it to the newest version. One at a time; the others wait and find it done.
///
/// # Errors
/// [`OpenError::Newer`], [`OpenError::OldServer`], [`OpenError::Unusable`].
pub(crate) async fn migrate(client: &mut Client, settings: &Settings) -> Result<(), OpenError> {
    let unusable = |source: Error| OpenError::Unusable { place: settings.place(), source };
    let row =
        client.query_one("SELECT current_setting('server_version_num')::int, current_setting('server_version')", &[]);
    let row = row.await.map_err(|error| unusable(failed(&error)))?;
    let (number, words): (i32, String) = (row.get(0), row.get(1));
    if number < OLDEST_SERVER {
        return Err(OpenError::OldServer { place: settings.place(), found: words });
    }
    let found = step(client, settings.schema()).await.map_err(|error| unusable(failed(&error)))?;
    let known = i32::try_from(VERSIONS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Err(OpenError::Newer { place: settings.place(), found, known });
    }
    durability(client).await.map_err(|error| unusable(failed(&error)))
}

/// The version that was found, or reached.
async fn step(client: &mut Client, schema: &str) -> Result<i32, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    // Bringing a large table forward takes as long as it takes.
    transaction.batch_execute("SET LOCAL statement_timeout = 0").await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1, $2)", &[&MIGRATING, &number(schema)]).await?;
    let mut at = version(&transaction, schema).await?;
    let from = usize::try_from(at).unwrap_or(0);
    for text in VERSIONS.iter().skip(from) {
        if at == 0 {
            // Asked first: `IF NOT EXISTS` needs the right to make one even where it is there.
            let there = transaction.query_opt("SELECT FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
            if there.is_none() {
                transaction.batch_execute(&format!("CREATE SCHEMA \"{schema}\"")).await?;
            }
            transaction
                .batch_execute(
                    "CREATE TABLE schema_version (version integer NOT NULL); INSERT INTO schema_version VALUES (0)",
                )
                .await?;
        }
        transaction.batch_execute(text).await?;
        at += 1;
        transaction.execute("UPDATE schema_version SET version = $1", &[&at]).await?;
    }
    transaction.commit().await?;
    Ok(at)
}

/// Zero where nothing was made yet.
async fn version(transaction: &Transaction<'_>, schema: &str) -> Result<i32, tokio_postgres::Error> {
    let there = "SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'schema_version'";
    if transaction.query_opt(there, &[&schema]).await?.is_none() {
        return Ok(0);
    }
    transaction.query_one("SELECT version FROM schema_version", &[]).await?.try_get(0)
}

/// Tells of a server that loses what it acknowledged.
async fn durability(client: &Client) -> Result<(), tokio_postgres::Error> {
    for setting in ["fsync", "full_page_writes"] {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await?;
        if row.try_get::<_, String>(0)? == "off" {
            tracing::warn!(
                setting,
                "PostgreSQL has this setting off: a power cut may lose or damage what was acknowledged"
            );
        }
    }
    Ok(())
}
