//! Breaking the machine on purpose, so that a test can show what each of its parts is for.

use crate::Machine;
use crate::processors::RemoteFences;
use tine_hart::Hart;
use tine_kernel::HartId;

impl Machine {
    /// Lets remote fences be sent, and counted, and never arrive: a hart then goes on using translations that another
    /// hart has changed. What the program does from here on is wrong.
    pub fn drop_remote_fences(&mut self) {
        self.processors.remote_fences = RemoteFences::Dropped;
    }

    /// Returns a hart to change behind the kernel's back; `None` when there are not so many.
    pub fn hart_mut(&mut self, hart: HartId) -> Option<&mut Hart> {
        self.processors.harts.get_mut(hart.0 as usize)
    }
}
