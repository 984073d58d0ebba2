//! What all pictures have in common: SVG on white, a title, and text.

use crate::failure::Failure;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Something to draw on.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What the drawing library may refuse.
pub(crate) type DrawingError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

/// Height of a picture's title with the line below it.
pub(crate) const HEADER: u32 = 60;

/// Draws a picture for `option`: its title, a line of what is to be seen, and then what `draw` draws below [`HEADER`].
///
/// # Errors
/// When the drawing library refuses.
pub(crate) fn svg(
    option: &str,
    size: (u32, u32),
    [title, below]: [&str; 2],
    draw: impl for<'a> FnOnce(&Area<'a>) -> Result<(), DrawingError<'a>>,
) -> Result<String, Failure> {
    let mut text = String::new();
    draw_on(&mut text, size, [title, below], draw)
        .map_err(|error| Failure::tine(format!("{option}: cannot draw: {error}")))?;
    Ok(text)
}

fn draw_on<'a>(
    text: &'a mut String,
    size: (u32, u32),
    [title, below]: [&str; 2],
    draw: impl FnOnce(&Area<'a>) -> Result<(), DrawingError<'a>>,
) -> Result<(), DrawingError<'a>> {
    let area = SVGBackend::with_string(text, size).into_drawing_area();
    area.fill(&WHITE)?;
    write(&area, title, (12, 10), 18)?;
    write(&area, below, (12, 36), 13)?;
    draw(&area)?;
    area.present()
}

/// Writes a line of text, whose upper left corner is at `at`.
///
/// # Errors
/// When the drawing library refuses.
pub(crate) fn write<'a>(
    area: &Area<'a>,
    text: &str,
    at: (i32, i32),
    size: u32,
) -> Result<(), DrawingError<'a>> {
    area.draw(&Text::new(text, at, ("sans-serif", size)))
}

/// Writes a heading, whose upper left corner is at `at`.
///
/// # Errors
/// When the drawing library refuses.
pub(crate) fn write_heading<'a>(area: &Area<'a>, text: &str, at: (i32, i32)) -> Result<(), DrawingError<'a>> {
    area.draw(&Text::new(text, at, ("sans-serif", 15).into_font().style(FontStyle::Bold)))
}
