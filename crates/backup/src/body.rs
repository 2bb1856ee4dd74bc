//! Bodies: sealed as they are, in stretches, so that one that is not encrypted is no exception.

use std::fs::File;
use std::io::{self, BufRead as _, Read};

use arqueta_model::BlobId;

use crate::Error;
use crate::depot::{BODIES, Depot, Writing};

const BODY: &[u8] = b"arqueta/1/back-up/body\0";
/// Bytes of a stretch.
const STRETCH: usize = 1 << 20;

fn what(id: BlobId, number: u64, last: bool) -> Vec<u8> {
    [BODY, &id.as_bytes()[..], &number.to_be_bytes(), &[u8::from(last)]].concat()
}

impl Depot {
    pub(crate) fn has_body(&self, id: BlobId) -> bool {
        self.path(BODIES, &id.to_string()).exists()
    }

    pub(crate) fn put_body(&self, writing: &mut Writing, id: BlobId, mut from: impl Read) -> Result<(), Error> {
        let path = self.path(BODIES, &id.to_string());
        self.put(writing, &path, |out| {
            let mut stretch = read_stretch(&mut from).map_err(Error::at(format!("body {id}")))?;
            for number in 0.. {
                let next = read_stretch(&mut from).map_err(Error::at(format!("body {id}")))?;
                let last = next.is_empty();
                let sealed = self.chest.seal(&what(id, number, last), &stretch);
                let length = u32::try_from(sealed.len()).expect("a stretch is a megabyte");
                out.write_all(&length.to_be_bytes()).and_then(|()| out.write_all(&sealed)).map_err(Error::at(&path))?;
                if last {
                    break;
                }
                stretch = next;
            }
            Ok(())
        })
    }

    /// Hands a body over, stretch by stretch. `false` if it is not there, or not what was written.
    pub(crate) fn body(&self, id: BlobId, mut to: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<bool, Error> {
        let Ok(file) = File::open(self.path(BODIES, &id.to_string())) else { return Ok(false) };
        let mut from = io::BufReader::with_capacity(1 << 20, file);
        let mut last = false;
        for number in 0.. {
            match from.fill_buf() {
                Ok([]) => return Ok(last),
                // Something behind the end.
                Ok(_) if last => return Ok(false),
                _ => {}
            }
            let mut length = [0; 4];
            if from.read_exact(&mut length).is_err() {
                return Ok(false);
            }
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > STRETCH + 1024 {
                return Ok(false);
            }
            let mut sealed = vec![0; length];
            if from.read_exact(&mut sealed).is_err() {
                return Ok(false);
            }
            let opened = [false, true]
                .into_iter()
                .find_map(|last| Some((self.chest.unseal(&what(id, number, last), &sealed)?, last)));
            let Some((content, is_last)) = opened else { return Ok(false) };
            to(&content)?;
            last = is_last;
        }
        Ok(last)
    }
}

/// The next stretch, whole unless it is the last one.
fn read_stretch(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut stretch = Vec::new();
    from.take(STRETCH as u64).read_to_end(&mut stretch)?;
    Ok(stretch)
}
