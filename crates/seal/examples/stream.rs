//! Seals or opens one raw stream from standard input to standard output, by the same code that
//! seals objects: `stream seal|open <input key, 64 hex digits> <associated data, hex>`.
//!
//! The interoperability suite runs it against Tink's own implementation.

use std::io::{Read, Write};
use std::process::ExitCode;

use arqueta_seal::aead::Preferred;
use arqueta_seal::stream;
use bytes::{Bytes, BytesMut};

/// Not a divisor of a segment, so that pieces straddle segment edges as network reads do.
const CHUNK: usize = 50_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is listening to a broken pipe; the exit status says it.
            let _ = writeln!(std::io::stderr(), "stream: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [operation, key, aad] = arguments.as_slice() else {
        return Err("usage: stream seal|open <key hex> <associated data hex>".into());
    };
    let mut ikm = [0; 32];
    hex::decode_to_slice(key, &mut ikm)?;
    let aad = hex::decode(aad)?;
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let output = match operation.as_str() {
        "seal" => seal(&ikm, &aad, &input)?,
        "open" => open(&ikm, &aad, input.into())?,
        _ => return Err("the operation is seal or open".into()),
    };
    std::io::stdout().write_all(&output)?;
    Ok(())
}

fn seal(ikm: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<BytesMut, arqueta_seal::Error> {
    let mut out = BytesMut::new();
    let mut sealer = stream::Sealer::<Preferred>::new(ikm, aad);
    for chunk in plain.chunks(CHUNK) {
        sealer.push(chunk, &mut out)?;
    }
    sealer.finish(&mut out)?;
    Ok(out)
}

fn open(ikm: &[u8; 32], aad: &[u8], mut sealed: Bytes) -> Result<BytesMut, arqueta_seal::Error> {
    let size = stream::plain_size(sealed.len() as u64).ok_or(arqueta_seal::Error::Authentication)?;
    let mut out = BytesMut::new();
    let mut opener = stream::Opener::<Preferred>::new(ikm, aad, size, 0, 0..size)?;
    while !sealed.is_empty() {
        opener.push(sealed.split_to(CHUNK.min(sealed.len())), &mut out)?;
    }
    opener.finish()?;
    Ok(out)
}
