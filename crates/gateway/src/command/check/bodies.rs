//! What is in the bodies, and whether usage is what lies in the buckets.

use std::io::Write;

use arqueta_engine::Engine;
use arqueta_engine::check::Fault;
use arqueta_work::scrub::Told;
use serde_json::json;

use crate::command::scrub::line;
use crate::foundations::Foundations;
use crate::wiring::Gateway;
use crate::{Config, Error, scrub};

/// Bytes of bodies after which what was found is shown.
const STEP: u64 = 64 << 20;

/// Reads all of them as the gateway would. How much was found that is not mended.
pub(super) async fn look(config: &Config, (repair, as_json): (bool, bool), out: &mut impl Write) -> Result<u64, Error> {
    let foundations = Foundations::open(config).await?;
    let clock = foundations.clock.clone();
    let gateway = Gateway::open(config, foundations).await?;
    let found = read(gateway.engine(), &*scrub::owner(config, &clock), as_json, out).await;
    if found.is_ok() && repair {
        recount(gateway.engine(), as_json, out).await?;
    }
    gateway.flush().await;
    found
}

async fn read(
    engine: &Engine,
    owner: &arqueta_work::scrub::Owner,
    as_json: bool,
    out: &mut impl Write,
) -> Result<u64, Error> {
    let (mut from, mut found, mut bodies, mut bytes, mut unopened) = (None, 0u64, 0, 0, 0);
    loop {
        let step = engine.scrubber().step(from, (STEP, None), owner).await;
        let step = step.map_err(Error::open("data folder"))?;
        (bodies, bytes, unopened) = (bodies + step.bodies, bytes + step.bytes, unopened + step.unopened);
        // The rest was found already, from outside.
        let inside = step.flaws.into_iter().filter(|flaw| matches!(flaw.fault, Fault::Manifest | Fault::Content));
        for told in inside.map(Told::from) {
            found += 1;
            match as_json {
                true => writeln!(out, "{}", json!(told)),
                false => line(out, &told),
            }
            .map_err(Error::Output)?;
        }
        from = step.next;
        if from.is_none() {
            break;
        }
    }
    let summary = match as_json {
        true => {
            json!({ "bodiesRead": bodies, "bytesRead": bytes, "unopened": unopened, "findings": found }).to_string()
        }
        false => {
            format!("{bodies} bodies of {bytes} bytes were read, {unopened} versions not opened: {found} findings")
        }
    };
    writeln!(out, "{summary}").map_err(Error::Output)?;
    Ok(found)
}

/// Counts what lies in each bucket, and says where that was not what was kept.
async fn recount(engine: &Engine, as_json: bool, out: &mut impl Write) -> Result<(), Error> {
    let failed = || Error::open("usage of the buckets");
    for before in engine.usage().all().await.map_err(failed())? {
        let after = engine.usage().recount(&before.bucket).await.map_err(failed())?;
        if after.usage == before.usage {
            continue;
        }
        let (bucket, was, is) = (before.bucket.to_string(), before.usage, after.usage);
        let line = match as_json {
            true => json!({ "bucket": bucket, "kind": "usage", "mended": true, "objects": [was.objects, is.objects],
                "versions": [was.versions, is.versions], "bytes": [was.bytes, is.bytes] })
            .to_string(),
            false => format!(
                "usage of bucket {bucket} was {} objects, {} bytes and is {} objects, {} bytes (mended)",
                was.objects, was.bytes, is.objects, is.bytes
            ),
        };
        writeln!(out, "{line}").map_err(Error::Output)?;
    }
    Ok(())
}
