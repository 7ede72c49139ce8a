//! Records to a file, compressed or not.
//!
//! A name that ends in `.zst` or `.gz` is compressed; `-` is standard output. A file is written
//! under another name and renamed when it is whole, so that a broken-off import leaves nothing
//! that looks like one. Missing folders are created.

use super::ImportError;
use gridweaver_model::Record;
use gridweaver_model::encode::encode;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// As far as it goes without slowing the import down: the highest levels save another fifth and
/// take fifty times as long.
const ZSTANDARD_LEVEL: i32 = 9;

/// Writes the records, one line each; returns how many.
///
/// # Errors
/// Where the output can't be written.
pub fn write(records: impl Iterator<Item = Record>, output: &Path) -> Result<u64, ImportError> {
    let unwritable = |cause| ImportError::Unwritable { path: output.to_owned(), cause };
    if output.as_os_str() == "-" {
        return write_lines(records, &mut BufWriter::new(io::stdout().lock())).map_err(unwritable);
    }
    // A pipe or device can't be renamed to.
    if output.exists() && !output.is_file() {
        let file = File::options().write(true).open(output).map_err(unwritable)?;
        return write_lines(records, &mut BufWriter::new(file)).map_err(unwritable);
    }
    if let Some(folder) = output.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let unfinished = unfinished_name(output);
    let written = File::create(&unfinished)
        .and_then(|file| write_compressed(records, output, file))
        .and_then(|count| fs::rename(&unfinished, output).map(|()| count));
    if written.is_err() {
        // The error is what matters; that nothing is left behind is a courtesy.
        drop(fs::remove_file(&unfinished));
    }
    written.map_err(unwritable)
}

fn unfinished_name(output: &Path) -> PathBuf {
    let mut name = OsString::from(output);
    name.push(".unfinished");
    PathBuf::from(name)
}

fn write_compressed(
    records: impl Iterator<Item = Record>,
    output: &Path,
    file: File,
) -> io::Result<u64> {
    match output.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => {
            let best = flate2::Compression::best();
            let mut encoder = flate2::write::GzEncoder::new(BufWriter::new(file), best);
            let count = write_lines(records, &mut encoder)?;
            encoder.finish()?.flush()?;
            Ok(count)
        }
        Some("zst") => {
            let mut encoder = zstd::Encoder::new(BufWriter::new(file), ZSTANDARD_LEVEL)?;
            encoder.include_checksum(true)?;
            let count = write_lines(records, &mut encoder)?;
            encoder.finish()?.flush()?;
            Ok(count)
        }
        _ => write_lines(records, &mut BufWriter::new(file)),
    }
}

fn write_lines(records: impl Iterator<Item = Record>, output: &mut impl Write) -> io::Result<u64> {
    let mut line = Vec::new();
    let mut count = 0;
    for record in records {
        line.clear();
        encode(&record, &mut line);
        line.push(b'\n');
        output.write_all(&line)?;
        count += 1;
    }
    output.flush()?;
    Ok(count)
}
