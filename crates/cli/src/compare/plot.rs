//! A comparison as a picture: a panel for each figure, a bar for each run.

use super::Comparison;
use super::metrics::Metric;
use crate::failure::Failure;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width of the picture in pixels.
const WIDTH: u32 = 900;
/// Height of what stands above the panels.
const HEADER: u32 = 60;
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
    let mut text = String::new();
    draw(comparison, &mut text).map_err(|error| Failure::tine(format!("--plot: cannot draw: {error}")))?;
    Ok(text)
}

type DrawingError<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(comparison: &Comparison, text: &'a mut String) -> Result<(), DrawingError<'a>> {
    let panel = TITLE + BAR * comparison.runs.len() as u32;
    let differing: Vec<&Metric> =
        comparison.metrics.iter().filter(|metric| metric.best().is_some()).collect();
    let height = HEADER + panel * differing.len() as u32;
    let area = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("tine compare: {}", comparison.program.join(" "));
    area.draw(&Text::new(title, (12, 10), ("sans-serif", 18)))?;
    let legend = match differing.as_slice() {
        [] => "no figure differs",
        _ => "figures that differ; the least of each is green",
    };
    area.draw(&Text::new(legend, (12, TITLE as i32 - 4), ("sans-serif", 13)))?;
    let names: Vec<_> = comparison.runs.iter().map(|ran| comparison.labels(ran).join("  ")).collect();
    for (index, metric) in differing.into_iter().enumerate() {
        draw_panel(&area, (HEADER + panel * index as u32) as i32, metric, &names)?;
    }
    area.present()
}

fn draw_panel<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    top: i32,
    metric: &Metric,
    names: &[String],
) -> Result<(), DrawingError<'a>> {
    let heading = metric.heading.replace('_', " ");
    area.draw(&Text::new(heading, (12, top + 12), ("sans-serif", 15).into_font().style(FontStyle::Bold)))?;
    let most = metric.values.iter().copied().max().unwrap_or_default().max(1);
    let room = f64::from(WIDTH as i32 - NAMES - FIGURE);
    for (index, (value, name)) in metric.values.iter().zip(names).enumerate() {
        let y = top + TITLE as i32 - 4 + BAR as i32 * index as i32;
        let end = NAMES + (room * *value as f64 / most as f64) as i32;
        let color = if metric.best() == Some(*value) { BEST } else { OTHERS };
        area.draw(&Text::new(name.clone(), (24, y + 3), ("sans-serif", 13)))?;
        area.draw(&Rectangle::new([(NAMES, y), (end.max(NAMES + 1), y + BAR as i32 - 6)], color.filled()))?;
        let figure = metric.unit.show(*value);
        area.draw(&Text::new(figure, (end + 6, y + 3), ("sans-serif", 13)))?;
    }
    Ok(())
}
