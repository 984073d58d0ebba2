//! A comparison as a picture: a panel for each figure, a bar for each run.

use super::Comparison;
use super::metrics::Metric;
use crate::failure::Failure;
use crate::picture::{self, Area, DrawingError, HEADER};
use plotters::prelude::*;

/// Width of the picture in pixels.
const WIDTH: u32 = 900;
/// Height of a bar with the space around it.
const BAR: u32 = 24;
/// Height of a panel's title with the space around it.
const TITLE: u32 = 40;
/// Part of the width that names of runs take.
const NAMES: i32 = 300;
/// Room for the figure behind the longest bar.
const FIGURE: i32 = 110;
const OTHERS: RGBColor = RGBColor(120, 144, 170);
const BEST: RGBColor = RGBColor(46, 125, 80);

/// Draws the picture.
///
/// # Errors
/// When the drawing library refuses.
pub(super) fn svg(comparison: &Comparison) -> Result<String, Failure> {
    let panel = TITLE + BAR * comparison.runs.len() as u32;
    let differing: Vec<&Metric> =
        comparison.metrics.iter().filter(|metric| metric.best().is_some()).collect();
    let height = HEADER + panel * differing.len() as u32;
    let title = format!("tine compare: {}", comparison.program.join(" "));
    let legend = match differing.as_slice() {
        [] => "no figure differs",
        _ => "figures that differ; the least of each is green",
    };
    let names: Vec<_> = comparison.runs.iter().map(|ran| comparison.labels(ran).join("  ")).collect();
    picture::svg("--plot", (WIDTH, height), [&title, legend], |area| {
        for (index, metric) in differing.into_iter().enumerate() {
            draw_panel(area, (HEADER + panel * index as u32) as i32, metric, &names)?;
        }
        Ok(())
    })
}

fn draw_panel<'a>(
    area: &Area<'a>,
    top: i32,
    metric: &Metric,
    names: &[String],
) -> Result<(), DrawingError<'a>> {
    picture::write_heading(area, &metric.heading.replace('_', " "), (12, top + 12))?;
    let most = metric.values.iter().copied().max().unwrap_or_default().max(1);
    let room = f64::from(WIDTH as i32 - NAMES - FIGURE);
    for (index, (value, name)) in metric.values.iter().zip(names).enumerate() {
        let y = top + TITLE as i32 - 4 + BAR as i32 * index as i32;
        let end = NAMES + (room * *value as f64 / most as f64) as i32;
        let color = if metric.best() == Some(*value) { BEST } else { OTHERS };
        picture::write(area, name, (24, y + 3), 13)?;
        area.draw(&Rectangle::new([(NAMES, y), (end.max(NAMES + 1), y + BAR as i32 - 6)], color.filled()))?;
        picture::write(area, &metric.unit.show(*value), (end + 6, y + 3), 13)?;
    }
    Ok(())
}
