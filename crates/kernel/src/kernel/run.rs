//! Running a task until it traps, and serving the trap.

use crate::ctx::Ctx;
use crate::event::Interest;
use crate::syscall;
use crate::task::{Policy, Scheduling};
use crate::{Cause, Interrupt, Trap};

impl Ctx<'_> {
    /// Runs the task in U-mode until the next trap or the end of its budget.
    pub(super) fn run_user(&mut self) {
        let hart = self.hart;
        let budget = self.kernel.budget(hart, self.pid);
        self.harts.set_time(hart, self.now_ns());
        let trap = if self.kernel.settings.interest.contains(Interest::INSTRUCTION) {
            self.kernel.run_watched(self.harts, hart, budget)
        } else {
            self.harts.run(hart, budget)
        };
        self.kernel.count_retired(hart, self.harts.retired(hart));
        match trap {
            Some(trap) => self.serve(trap),
            None if self.kernel.timer_is_due(hart) || self.has_signal() => self.interrupt(Interrupt::Timer),
            None => self.kernel.sched.hart_mut(hart).in_user = true,
        }
    }

    /// Tells at little cost that the task, whose trap has been served, goes back to user mode and that the next step would find
    /// nothing else to do, as after nearly every trap on a machine with one hart.
    pub(super) fn goes_straight_back(&self) -> bool {
        let (kernel, slot) = (&*self.kernel, self.kernel.sched.hart(self.hart));
        let until = kernel.next_timer_ns().map_or(slot.slice_end_ns, |timer| timer.min(slot.slice_end_ns));
        slot.current == Some(self.tid)
            && !slot.in_user
            && slot.now_ns < until
            && kernel.sched.hart_count() == 1
            && kernel.events.is_empty()
            && !kernel.settings.interest.contains(Interest::EACH_TRAP)
            && kernel.settings.max_instructions.is_none()
            && self.has_nothing_to_finish()
    }

    pub(super) fn interrupt(&mut self, interrupt: Interrupt) {
        let trap = self.harts.interrupt(self.hart, interrupt);
        self.serve(trap);
    }

    /// Serves a trap of the current task.
    fn serve(&mut self, trap: Trap) {
        self.kernel.enter_trap(self.hart, &trap);
        match trap.cause {
            Cause::Interrupt(Interrupt::Timer) => self.timer(),
            // The signal is taken on the way back to U-mode.
            Cause::Interrupt(Interrupt::Software) => {}
            Cause::SystemCall => syscall::serve(self),
            Cause::PageFault(access) => self.user_fault(trap.stval, access),
            Cause::Breakpoint | Cause::IllegalInstruction | Cause::Misaligned(_) | Cause::AccessFault(_) => {
                self.raise_trap_signal(&trap);
            }
        }
    }

    fn timer(&mut self) {
        self.give_way();
    }

    /// Takes the task off its hart if its slice is over and another one waits; else a new slice begins. Tells whether it is gone.
    pub(super) fn give_way(&mut self) -> bool {
        let slot = self.kernel.sched.hart(self.hart);
        if slot.now_ns < slot.slice_end_ns {
            return false;
        }
        // A task that keeps its hart gives way only to a more urgent one.
        let sched = &self.kernel.sched;
        let gives_way = match self.task().scheduling.policy {
            Policy::Fifo => sched.is_outranked(self.tid),
            _ => sched.has_rival(self.tid),
        };
        if gives_way {
            self.process_mut().usage.involuntary_switches += 1;
            self.task_mut().usage.involuntary_switches += 1;
            self.kernel.preempt(self.harts, self.hart);
        } else {
            // Where nobody waits for the hart, niceness is nobody's gain.
            let slice_ns = self.kernel.sched.slice_ns(Scheduling::default());
            let slot = self.kernel.sched.hart_mut(self.hart);
            slot.slice_end_ns = slot.now_ns + slice_ns;
        }
        gives_way
    }
}
