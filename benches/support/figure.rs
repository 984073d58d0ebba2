//! Figures of what something costs as it grows: a table, pictures, and how steep they are.

use plotters::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// A value at a size, on one of a figure's lines.
pub(crate) struct Point {
    pub(crate) line: &'static str,
    pub(crate) size: f64,
    pub(crate) value: f64,
}

/// A value as something grows.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// What the value is.
    pub(crate) unit: &'static str,
    /// What the size is.
    pub(crate) of: &'static str,
    pub(crate) points: Vec<Point>,
}

impl Figure {
    pub(crate) fn new(name: &'static str, unit: &'static str, of: &'static str) -> Self {
        Self { name, unit, of, points: Vec::new() }
    }

    /// Returns the lines, in the order of their first points.
    fn lines(&self) -> Vec<&'static str> {
        let mut lines: Vec<&str> = Vec::new();
        for point in &self.points {
            if !lines.contains(&point.line) {
                lines.push(point.line);
            }
        }
        lines
    }

    fn of_line(&self, line: &str) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(move |point| point.line == line)
    }

    /// Returns by which power of the size the value grows: 0 is not at all, 1 in proportion (least squares of the logarithms).
    fn slope(&self, line: &str) -> f64 {
        let places: Vec<(f64, f64)> = self
            .of_line(line)
            .map(|point| (point.size.ln(), point.value.max(f64::MIN_POSITIVE).ln()))
            .collect();
        let count = places.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| places.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|place| place.0), mean(|place| place.1));
        let both: f64 = places.iter().map(|place| (place.0 - x) * (place.1 - y)).sum();
        both / places.iter().map(|place| (place.0 - x).powi(2)).sum::<f64>()
    }
}

/// Returns the CPU time of this process.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Writes the figures as a table and as pictures into `folder`, and prints how steep each line is.
pub(crate) fn keep(figures: &[Figure], folder: &Path, table: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{table}.csv")), csv(figures)?)?;
    for figure in figures {
        draw(figure, &folder.join(format!("{}.svg", figure.name)))?;
        for line in figure.lines() {
            println!(
                "{:12} {line:18} grows with power {:.2} of {}",
                figure.name,
                figure.slope(line),
                figure.of
            );
        }
    }
    Ok(())
}

fn csv(figures: &[Figure]) -> Result<String, std::fmt::Error> {
    let mut text = String::from("figure,line,size of,size,value,unit,slope\n");
    for figure in figures {
        for Point { line, size, value } in &figure.points {
            let (name, of, unit) = (figure.name, figure.of, figure.unit);
            writeln!(text, "{name},{line},{of},{size},{value:.1},{unit},{:.2}", figure.slope(line))?;
        }
    }
    Ok(text)
}

/// Draws a figure over the size, both in powers.
fn draw(figure: &Figure, file: &Path) -> Result<(), Box<dyn Error>> {
    let colors =
        [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];
    let sizes = figure.points.iter().map(|point| point.size);
    let (least, most) =
        sizes.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), size| (least.min(size), most.max(size)));
    let values = figure.points.iter().map(|point| point.value.max(0.1));
    let (low, high) =
        values.fold((f64::MAX, 0.1_f64), |(low, high), value| (low.min(value), high.max(value)));
    let area = SVGBackend::new(file, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .caption(format!("{}: {}", figure.name, figure.unit), ("sans-serif", 18))
        .x_label_area_size(42)
        .y_label_area_size(74)
        .build_cartesian_2d((least..most * 1.2).log_scale(), (low / 2.0..high * 2.0).log_scale())?;
    chart.configure_mesh().x_desc(figure.of).y_desc(figure.unit).draw()?;
    for (line, color) in figure.lines().into_iter().zip(colors) {
        let places: Vec<_> = figure.of_line(line).map(|point| (point.size, point.value.max(0.1))).collect();
        chart
            .draw_series(LineSeries::new(places, color.stroke_width(2)).point_size(4))?
            .label(line)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
