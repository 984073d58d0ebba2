//! `--forks`: what each fork cost, as a table for people or as JSON.

mod json;
mod table;

pub(crate) use json::place;
pub(crate) use table::place as site;

use crate::args::{BillFormat, ObserveArgs};
use crate::failure::Failure;
use crate::output::Destination;
use tine_machine::bill::ForkBill;
use tine_machine::{Event, EventSink, Guest, Interest};

/// Collects the bill and writes it at the end.
pub(crate) struct BillSink {
    bill: ForkBill,
    format: BillFormat,
    to: Destination,
}

impl BillSink {
    /// The events that it needs.
    pub(crate) const INTEREST: Interest = ForkBill::INTEREST;

    /// Tells whether the options ask for a bill.
    pub(crate) fn is_wanted(options: &ObserveArgs) -> bool {
        options.forks.is_some() || options.forks_file.is_some()
    }

    /// Opens the file before the program runs.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn open(options: &ObserveArgs) -> Result<Option<Self>, Failure> {
        if !Self::is_wanted(options) {
            return Ok(None);
        }
        let to = Destination::open("--forks-file", options.forks_file.as_deref())?;
        let format = options.forks.unwrap_or(BillFormat::Table);
        Ok(Some(Self { bill: ForkBill::default(), format, to }))
    }

    pub(crate) fn event(&mut self, event: &Event, guest: Guest<'_>) {
        self.bill.event(event, guest);
    }

    /// Writes the bill. `guest` is the machine at the end of the run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(self, guest: Guest<'_>) -> Result<(), Failure> {
        let bill = self.bill.finish(guest);
        match self.format {
            BillFormat::Table => self.to.write_table(&table::render(&bill)),
            BillFormat::Json => self.to.write(&json::render(&bill)),
        }
    }
}
