//! Reads the image, and says why it cannot be booted when it cannot.

use crate::failure::Failure;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use tine_machine::boot::{BootFailure, BootImage, ImageError};

const LINK: &str =
    "link it to RAM: riscv64-linux-gnu-gcc -nostdlib -static -no-pie -Ttext=0x80000000 -mcmodel=medany";

/// Reads an image from a file.
///
/// # Errors
/// When there is no such file, or it is no image.
pub(super) fn read(path: &Path) -> Result<BootImage, Failure> {
    let shown = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Failure::not_found(format!("there is no image {shown}"))
        }
        ErrorKind::IsADirectory => cannot(&shown, "it is a directory").hint("name the image in it"),
        _ => cannot(&shown, &error.to_string()),
    })?;
    BootImage::parse(bytes).map_err(|error| explain(&shown, &error))
}

/// Says why there is no machine with this image.
pub(super) fn refused(shown: &str, failure: BootFailure) -> Failure {
    match failure {
        BootFailure::Ram(error) => Failure::tine(format!("--mem: {error}")).hint("ask for less: --mem 128M"),
        BootFailure::Image(error) => explain(shown, &error),
    }
}

/// Says that a signature was asked for and there is none.
pub(super) fn without_signature(shown: &str) -> Failure {
    Failure::tine(format!("{shown} has no signature"))
        .hint("it needs the symbols begin_signature and end_signature around memory in RAM")
}

fn explain(shown: &str, error: &ImageError) -> Failure {
    let failure = cannot(shown, &error.to_string());
    match error {
        ImageError::NotElf | ImageError::Foreign(_) | ImageError::Type(_) => failure.hint(LINK),
        ImageError::Damaged(_) => failure.hint("link or copy it again"),
        ImageError::Outside { .. } => {
            failure.hint("give it more with --mem, or link it to an address in RAM")
        }
        ImageError::Overlap(..) => failure.hint("link it so that each segment has memory of its own"),
        ImageError::Entry(_) => failure.hint("name the symbol that it starts at: -Wl,--entry=_start"),
        ImageError::Mailbox { .. } => failure
            .hint("align it to 8 bytes in RAM, or strip the symbol and end by storing 0x5555 to 0x100000"),
        ImageError::Empty => failure.hint(LINK),
        ImageError::NoRoomForTree => failure.hint("give it more: --mem 128M"),
    }
}

fn cannot(shown: &str, reason: &str) -> Failure {
    Failure::cannot_run(format!("cannot boot {shown}: {reason}"))
}
