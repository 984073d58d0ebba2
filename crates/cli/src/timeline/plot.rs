//! The time line as a picture: the machine's frames and copies above, a lane for each process below, on one axis of time.

use super::end;
use crate::failure::Failure;
use crate::picture::{self, Area, DrawingError, HEADER};
use crate::report::{counted, grouped, size};
use plotters::prelude::*;
use std::collections::BTreeMap;
use tine_machine::timeline::{Happening, Lane, Mark, Timeline};
use tine_machine::{PAGE_SIZE, Pid, Report};

/// Width of the picture in pixels.
const WIDTH: i32 = 1000;
/// Where time begins.
const LEFT: i32 = 190;
/// Where it ends.
const RIGHT: i32 = WIDTH - 90;
/// Height of a panel of the machine with the space above it.
const PANEL: i32 = 150;
/// Height of a process's lane with the space above it.
const LANE: i32 = 44;
/// Space above what is drawn in a panel or lane.
const GAP: i32 = 14;
/// Height of what stands above the lanes.
const LANES_HEADING: i32 = 34;
/// Height of the axis.
const AXIS: i32 = 40;
/// More processes than this are summed up in a line.
const MOST_LANES: usize = 24;
/// A longer title is cut.
const LONGEST_TITLE: usize = 90;
/// About so many numbers stand on the axis.
const TICKS: u64 = 8;
const FRAMES: RGBColor = RGBColor(176, 190, 205);
const SHARED: RGBColor = RGBColor(240, 173, 78);
const COPIED: RGBColor = RGBColor(200, 40, 40);
const FAINT: RGBColor = RGBColor(225, 225, 225);
const MARKS: RGBColor = RGBColor(60, 60, 60);
const DESCENT: RGBColor = RGBColor(165, 165, 165);

/// Draws the picture.
///
/// # Errors
/// When the drawing library refuses.
pub(super) fn svg(report: &Report, timeline: &Timeline) -> Result<String, Failure> {
    let drawn = drawn_lanes(&timeline.lanes);
    let height = HEADER as i32 + 2 * PANEL + LANES_HEADING + LANE * drawn.len() as i32 + AXIS;
    let setting = &report.setting;
    let words = [setting.program.as_str()].into_iter().chain(setting.arguments.iter().map(String::as_str));
    let title = shortened(&format!("tine run: {}", words.collect::<Vec<_>>().join(" ")));
    let below = subtitle(report, timeline, drawn.len());
    let picture = Picture { timeline, axis: Axis::new(timeline) };
    picture::svg("--timeline", (WIDTH as u32, height as u32), [&title, &below], |area| {
        picture.draw(area, &drawn)
    })
}

/// Returns a command line as far as it fits into the picture.
fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST_TITLE) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

fn subtitle(report: &Report, timeline: &Timeline, drawn: usize) -> String {
    let mut text = format!(
        "policy {} · fork {} · each figure is true at its moment, {}",
        report.setting.policy.name,
        report.setting.policy.fork.name(),
        match timeline.stretch_ns {
            1 => "every change is drawn".to_owned(),
            stretch => format!("one change in {} is drawn", duration(stretch)),
        },
    );
    let left_out = timeline.lanes.len() - drawn;
    if left_out > 0 {
        text +=
            &format!(" · {} not drawn: all are in --timeline FILE.json", counted(left_out as u64, "process"));
    }
    text
}

/// Returns the processes that are drawn, by number: where they are too many, those with the most memory and copies.
fn drawn_lanes(lanes: &[Lane]) -> Vec<&Lane> {
    let weight = |lane: &Lane| {
        let resident = lane.points.iter().map(|point| point.usage.resident).max().unwrap_or_default();
        std::cmp::Reverse(resident + lane.copied)
    };
    let mut drawn: Vec<_> = lanes.iter().collect();
    drawn.sort_by_key(|lane| (weight(lane), lane.pid));
    drawn.truncate(MOST_LANES);
    drawn.sort_by_key(|lane| lane.pid);
    drawn
}

/// Virtual time from left to right.
struct Axis {
    end_ns: u64,
}

impl Axis {
    fn new(timeline: &Timeline) -> Self {
        Self { end_ns: timeline.samples.last().map_or(1, |last| last.time_ns.max(1)) }
    }

    fn x(&self, time_ns: u64) -> i32 {
        let width = u128::from((RIGHT - LEFT) as u32);
        let time_ns = u128::from(time_ns.min(self.end_ns));
        LEFT + (width * time_ns / u128::from(self.end_ns)) as i32
    }

    /// Returns the moments that are numbered: multiples of 1, 2 or 5 with zeros.
    fn ticks(&self) -> impl Iterator<Item = u64> + use<> {
        let least = self.end_ns.div_ceil(TICKS);
        let zeros = std::iter::successors(Some(1_u64), |unit| unit.checked_mul(10));
        let step = zeros.flat_map(|unit| [1, 2, 5].map(|digit| unit.saturating_mul(digit)));
        let step = step.into_iter().find(|step| *step >= least).unwrap_or(least);
        (0..=self.end_ns / step).map(move |index| index * step)
    }
}

/// Where a figure is drawn: its height says how much it is.
#[derive(Clone, Copy)]
struct Scale {
    top: i32,
    bottom: i32,
    most: u64,
}

impl Scale {
    fn y(self, value: u64) -> i32 {
        let room = u128::from((self.bottom - self.top) as u32);
        self.bottom - (room * u128::from(value) / u128::from(self.most.max(1))) as i32
    }
}

struct Picture<'t> {
    timeline: &'t Timeline,
    axis: Axis,
}

impl Picture<'_> {
    fn draw<'a>(&self, area: &Area<'a>, lanes: &[&Lane]) -> Result<(), DrawingError<'a>> {
        let samples = &self.timeline.samples;
        let Some(last) = samples.last() else { return Ok(()) };
        let first_panel = HEADER as i32;
        let lanes_top = first_panel + 2 * PANEL + LANES_HEADING;
        let bottom = lanes_top + LANE * lanes.len() as i32;
        self.draw_axis(area, (first_panel + GAP, bottom))?;

        let most = samples.iter().map(|sample| sample.most).max().unwrap_or_default();
        let scale = panel(first_panel, most);
        picture::write_heading(area, "frames", (12, scale.top))?;
        legend(area, (12, scale.top + 26), FRAMES, "in use")?;
        legend(area, (12, scale.top + 46), SHARED, "private, several owners")?;
        picture::write(area, &format!("{} at most", grouped(most)), (RIGHT + 6, scale.top - 4), 13)?;
        picture::write(area, &size(most * PAGE_SIZE), (RIGHT + 6, scale.top + 12), 13)?;
        self.fill(area, samples.iter().map(|it| (it.time_ns, it.most)), scale, FRAMES, self.axis.end_ns)?;
        self.fill(area, samples.iter().map(|it| (it.time_ns, it.shared)), scale, SHARED, self.axis.end_ns)?;

        let scale = panel(first_panel + PANEL, last.copied);
        picture::write_heading(area, "pages copied", (12, scale.top))?;
        legend(area, (12, scale.top + 26), COPIED, "since the start")?;
        picture::write(area, &format!("{} in all", grouped(last.copied)), (RIGHT + 6, scale.top - 4), 13)?;
        picture::write(area, &size(last.copied * PAGE_SIZE), (RIGHT + 6, scale.top + 12), 13)?;
        self.fill(area, samples.iter().map(|it| (it.time_ns, it.copied)), scale, COPIED, self.axis.end_ns)?;

        let all_points = lanes.iter().flat_map(|lane| &lane.points);
        let usages = all_points.map(|point| point.usage.resident.max(point.usage.copied));
        let most = usages.chain(lanes.iter().map(|lane| lane.copied)).max().unwrap_or_default();
        let heading = lanes_top - GAP;
        picture::write_heading(area, "processes", (12, heading))?;
        area.draw(&TriangleMarker::new((LEFT + 6, heading + 9), 5, MARKS.filled()))?;
        picture::write(area, "exec", (LEFT + 16, heading + 1), 13)?;
        area.draw(&Circle::new((LEFT + 66, heading + 7), 3, MARKS.filled()))?;
        picture::write(area, "fork", (LEFT + 76, heading + 1), 13)?;
        legend(area, (LEFT + 120, heading + 1), FRAMES, "resident pages")?;
        legend(area, (LEFT + 250, heading + 1), SHARED, "private, several owners")?;
        legend(area, (LEFT + 430, heading + 1), COPIED, "pages copied so far")?;
        let scale = |top| Scale { top: top + GAP, bottom: top + LANE, most };
        let tops = (lanes_top..).step_by(LANE as usize);
        let scales: BTreeMap<_, _> =
            lanes.iter().zip(tops).map(|(lane, top)| (lane.pid, scale(top))).collect();
        // Below everything else: a line from a process to its child crosses the lanes between them.
        self.timeline.marks.iter().try_for_each(|mark| self.draw_descent(area, mark, &scales))?;
        lanes.iter().try_for_each(|lane| self.draw_lane(area, lane, scales[&lane.pid]))?;
        self.timeline.marks.iter().try_for_each(|mark| self.draw_mark(area, mark, &scales))
    }

    fn draw_axis<'a>(&self, area: &Area<'a>, (top, bottom): (i32, i32)) -> Result<(), DrawingError<'a>> {
        for tick in self.axis.ticks() {
            let x = self.axis.x(tick);
            area.draw(&PathElement::new(vec![(x, top), (x, bottom + 6)], FAINT))?;
            picture::write(area, &duration(tick), (x - 8, bottom + 10), 13)?;
        }
        Ok(())
    }

    fn draw_lane<'a>(&self, area: &Area<'a>, lane: &Lane, scale: Scale) -> Result<(), DrawingError<'a>> {
        let end_ns = lane.ended.map_or(self.axis.end_ns, |(time_ns, _)| time_ns);
        let points = || lane.points.iter();
        self.fill(area, points().map(|it| (it.time_ns, it.usage.resident)), scale, FRAMES, end_ns)?;
        self.fill(area, points().map(|it| (it.time_ns, it.usage.shared)), scale, SHARED, end_ns)?;
        let copied = self.steps(points().map(|it| (it.time_ns, it.usage.copied)), scale, end_ns);
        if lane.copied > 0 {
            area.draw(&PathElement::new(copied, COPIED.stroke_width(2)))?;
        }
        let (from, to) = (self.axis.x(lane.began_ns), self.axis.x(end_ns));
        area.draw(&PathElement::new(vec![(from, scale.bottom), (to.max(from + 1), scale.bottom)], MARKS))?;
        picture::write(area, &format!("pid {}  {}", lane.pid, lane.command), (12, scale.bottom - 26), 13)?;
        let copied = match lane.copied {
            0 => String::new(),
            pages => format!("{} copied", grouped(pages)),
        };
        picture::write(area, &copied, (12, scale.bottom - 11), 12)
    }

    /// Draws the line from a process to the child that it makes.
    fn draw_descent<'a>(
        &self,
        area: &Area<'a>,
        mark: &Mark,
        scales: &BTreeMap<Pid, Scale>,
    ) -> Result<(), DrawingError<'a>> {
        let Happening::Fork { child, .. } = &mark.what else { return Ok(()) };
        let (Some(parent), Some(child)) = (scales.get(&mark.pid), scales.get(child)) else { return Ok(()) };
        let x = self.axis.x(mark.time_ns);
        area.draw(&PathElement::new(vec![(x, parent.bottom), (x, child.bottom)], DESCENT))
    }

    fn draw_mark<'a>(
        &self,
        area: &Area<'a>,
        mark: &Mark,
        scales: &BTreeMap<Pid, Scale>,
    ) -> Result<(), DrawingError<'a>> {
        let x = self.axis.x(mark.time_ns);
        let Some(scale) = scales.get(&mark.pid) else { return Ok(()) };
        match &mark.what {
            Happening::Fork { child, .. } => {
                let dot = Circle::new((x, scale.bottom), 2, MARKS.filled());
                if scales.contains_key(child) { area.draw(&dot) } else { Ok(()) }
            }
            Happening::Exec { .. } => {
                area.draw(&TriangleMarker::new((x, scale.bottom - 3), 5, MARKS.filled()))
            }
            Happening::Exit { status } => {
                let y = scale.bottom;
                area.draw(&PathElement::new(vec![(x, y - 8), (x, y + 1)], MARKS.stroke_width(2)))?;
                picture::write(area, &end(*status), (x + 4, y - 12), 12)
            }
        }
    }

    /// Fills what is below a figure until `end_ns`.
    fn fill<'a>(
        &self,
        area: &Area<'a>,
        figure: impl Iterator<Item = (u64, u64)>,
        scale: Scale,
        color: RGBColor,
        end_ns: u64,
    ) -> Result<(), DrawingError<'a>> {
        let mut outline = self.steps(figure, scale, end_ns);
        let [(first, _), .., (last, _)] = outline[..] else { return Ok(()) };
        outline.extend([(last, scale.bottom), (first, scale.bottom)]);
        area.draw(&Polygon::new(outline, color.filled()))
    }

    /// Returns the outline of a figure that keeps each value until the next: of each column of pixels the most.
    fn steps(&self, figure: impl Iterator<Item = (u64, u64)>, scale: Scale, end_ns: u64) -> Vec<(i32, i32)> {
        // Column, the highest line in it, and the one with which it ends.
        let mut columns = Vec::<(i32, i32, i32)>::new();
        for (time_ns, value) in figure {
            let (x, y) = (self.axis.x(time_ns), scale.y(value));
            match columns.last_mut() {
                Some((column, highest, last)) if *column == x => (*highest, *last) = (y.min(*highest), y),
                Some((_, highest, last)) if *last == y && *highest == y => {}
                _ => columns.push((x, y, y)),
            }
        }
        let mut outline = Vec::new();
        for (index, &(x, highest, last)) in columns.iter().enumerate() {
            let until = columns.get(index + 1).map_or(self.axis.x(end_ns).max(x + 1), |(next, ..)| *next);
            outline.extend([(x, highest), (x + 1, highest)]);
            if until > x + 1 {
                outline.extend([(x + 1, last), (until, last)]);
            }
        }
        outline.dedup();
        outline
    }
}

fn panel(top: i32, most: u64) -> Scale {
    Scale { top: top + GAP, bottom: top + PANEL, most }
}

fn legend<'a>(
    area: &Area<'a>,
    (x, y): (i32, i32),
    color: RGBColor,
    text: &str,
) -> Result<(), DrawingError<'a>> {
    area.draw(&Rectangle::new([(x, y + 2), (x + 10, y + 12)], color.filled()))?;
    picture::write(area, text, (x + 16, y), 13)
}

/// Writes a duration in the unit that keeps it short.
fn duration(ns: u64) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    match units.into_iter().find(|(unit, _)| ns >= *unit) {
        Some((unit, name)) => format!("{} {name}", ns as f64 / unit as f64),
        None => format!("{ns} ns"),
    }
}
