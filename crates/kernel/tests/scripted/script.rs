//! What a task does, one step after the other.
//!
//! A script is the program of a [`ScriptedHarts`](crate::cpu::ScriptedHarts): its ELF file holds one word for each step, so
//! that a task's place in its script is its pc, and fork, exec and signal handlers move it as they move any program.

use std::fmt;
use tine_kernel::{Cause, Errno, Reg};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// Where a program's words are.
pub(crate) const TEXT: VirtAddr = VirtAddr(0x1_0000);
/// Where a program's zeroed, writable pages are.
pub(crate) const DATA: VirtAddr = VirtAddr(0x20_0000);
/// How many of them there are.
pub(crate) const DATA_PAGES: u64 = 64;

/// Returns the address of the page of [`DATA`] with this index.
pub(crate) fn page(index: u64) -> VirtAddr {
    DATA + index * PAGE_SIZE
}

/// An argument: known when the script is written, or what a register holds by then.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    Known(u64),
    In(Reg),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(value) => write!(f, "{value:#x}"),
            Self::In(reg) => write!(f, "x{}", reg.0),
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Known(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Known(value as u64)
    }
}

impl From<VirtAddr> for Value {
    fn from(at: VirtAddr) -> Self {
        Self::Known(at.0)
    }
}

impl From<Reg> for Value {
    fn from(reg: Reg) -> Self {
        Self::In(reg)
    }
}

/// Where the handler of a script begins that has one.
pub(crate) const HANDLER: VirtAddr = crate::elf::step_at(1);

/// Saved registers, which no call changes.
pub(crate) const S0: Reg = Reg(8);
pub(crate) const S1: Reg = Reg(9);

/// One thing that a task does. A step that traps is repeated until it does not.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Stores eight bytes.
    Store(VirtAddr, Value),
    /// Loads eight bytes into `a0`.
    Load(VirtAddr),
    /// Retires so many instructions that touch no memory.
    Compute(u64),
    /// ECALL.
    Call(u64, [Value; 6]),
    /// Copies `a0` to a register.
    Keep(Reg),
    /// Fails the test unless `a0` holds this.
    Expect(u64),
    /// Skips so many steps unless `a0` is zero.
    UnlessZeroSkip(usize),
    /// Goes to another address.
    Jump(VirtAddr),
    /// Raises an exception.
    Raise(Cause),
}

/// A list of steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
}

/// Begins a script.
pub(crate) fn script() -> Script {
    Script::default()
}

impl Script {
    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Puts `handler` before this script; it begins at [`HANDLER`].
    pub(crate) fn with_handler(self, handler: Self) -> Self {
        let after = crate::elf::step_at(1 + handler.steps.len());
        script().jump(after).and(handler).and(self)
    }

    pub(crate) fn store(self, at: VirtAddr, value: impl Into<Value>) -> Self {
        self.then(Step::Store(at, value.into()))
    }

    /// Stores a NUL-terminated string.
    pub(crate) fn string(self, at: VirtAddr, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize((bytes.len() + 1).next_multiple_of(8), 0);
        let words = bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap()));
        words.enumerate().fold(self, |script, (index, word)| script.store(at + 8 * index as u64, word))
    }

    pub(crate) fn load(self, at: VirtAddr) -> Self {
        self.then(Step::Load(at))
    }

    pub(crate) fn compute(self, instructions: u64) -> Self {
        self.then(Step::Compute(instructions))
    }

    /// Demands that the last load or call has given `value`.
    pub(crate) fn is(self, value: u64) -> Self {
        self.then(Step::Expect(value))
    }

    /// Demands that the last call has failed with `errno`.
    pub(crate) fn fails(self, errno: Errno) -> Self {
        self.is(i64::from(-errno.number()) as u64)
    }

    /// Keeps what the last load or call has given.
    pub(crate) fn keep(self, reg: Reg) -> Self {
        self.then(Step::Keep(reg))
    }

    /// Makes a system call with up to six arguments.
    pub(crate) fn call<const N: usize>(self, number: u64, arguments: [Value; N]) -> Self {
        let mut registers = [Value::Known(0); 6];
        registers[..N].copy_from_slice(&arguments);
        self.then(Step::Call(number, registers))
    }

    pub(crate) fn jump(self, to: VirtAddr) -> Self {
        self.then(Step::Jump(to))
    }

    pub(crate) fn raise(self, cause: Cause) -> Self {
        self.then(Step::Raise(cause))
    }

    /// Does something with each of `pages` pages from `first` on.
    pub(crate) fn each_page(self, first: u64, pages: u64, step: impl Fn(Self, VirtAddr) -> Self) -> Self {
        (first..first + pages).fold(self, |script, index| step(script, page(index)))
    }

    pub(crate) fn store_all(self, first: u64, pages: u64, value: u64) -> Self {
        self.each_page(first, pages, |script, at| script.store(at, value))
    }

    pub(crate) fn load_all(self, first: u64, pages: u64, value: u64) -> Self {
        self.each_page(first, pages, |script, at| script.load(at).is(value))
    }

    /// Appends another script.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// Makes a child with these flags of clone(2); `child` is what it does, and ends in its exit.
    pub(crate) fn clone_with(self, flags: u64, child: Self) -> Self {
        self.call(220, [flags.into()]).if_zero(child)
    }

    /// Has whom the last call gave zero do `child`, which ends in its exit.
    pub(crate) fn if_zero(self, child: Self) -> Self {
        let skipped = child.steps.len();
        self.then(Step::UnlessZeroSkip(skipped)).and(child)
    }

    /// Forks; `child` is what the child does, and ends in its exit.
    pub(crate) fn fork(self, child: Self) -> Self {
        const SIGCHLD: u64 = 17;
        self.clone_with(SIGCHLD, child)
    }

    /// Forks a child that borrows the address space until it execs or exits.
    pub(crate) fn vfork(self, child: Self) -> Self {
        const CLONE_VM_VFORK_SIGCHLD: u64 = 0x4111;
        self.clone_with(CLONE_VM_VFORK_SIGCHLD, child)
    }

    /// Waits for any child and demands that its status word is `status`. Uses the last words of the data.
    pub(crate) fn wait(self, status: u64) -> Self {
        let at = page(DATA_PAGES - 1) + 0xff0;
        self.store(at, 0).call(260, [(-1).into(), at.into(), 0.into(), 0.into()]).keep(S1).load(at).is(status)
    }

    pub(crate) fn exit(self, status: i32) -> Self {
        self.call(93, [status.into()])
    }

    pub(crate) fn getpid(self) -> Self {
        self.call(172, [])
    }

    /// Makes a pipe: descriptors 3 and 4 of a process that has no others. Uses the given word.
    pub(crate) fn pipe(self, at: VirtAddr) -> Self {
        self.call(59, [at.into(), 0.into()]).is(0)
    }

    pub(crate) fn read(self, fd: i32, to: impl Into<Value>, len: u64) -> Self {
        self.call(63, [fd.into(), to.into(), len.into()])
    }

    pub(crate) fn write(self, fd: i32, from: impl Into<Value>, len: u64) -> Self {
        self.call(64, [fd.into(), from.into(), len.into()])
    }

    pub(crate) fn close(self, fd: i32) -> Self {
        self.call(57, [fd.into()]).is(0)
    }

    pub(crate) fn exec(self, path: VirtAddr) -> Self {
        self.call(221, [path.into(), 0.into(), 0.into()])
    }

    pub(crate) fn kill(self, pid: impl Into<Value>, signal: i32) -> Self {
        self.call(129, [pid.into(), signal.into()])
    }

    /// Sets a handler, or 0 for the default, or 1 to ignore. Uses the three words at `scratch`.
    pub(crate) fn sigaction(self, signal: i32, handler: u64, scratch: VirtAddr) -> Self {
        self.store(scratch, handler)
            .store(scratch + 8, 0)
            .store(scratch + 16, 0)
            .call(134, [signal.into(), scratch.into(), 0.into(), 8.into()])
            .is(0)
    }

    /// Sleeps. Uses the two words at `scratch`.
    pub(crate) fn sleep_ns(self, ns: u64, scratch: VirtAddr) -> Self {
        self.store(scratch, ns / 1_000_000_000)
            .store(scratch + 8, ns % 1_000_000_000)
            .call(101, [scratch.into(), 0.into()])
    }

    /// Maps anonymous memory at `at`, with `MAP_FIXED`.
    pub(crate) fn map_fixed(self, at: VirtAddr, pages: u64, prot: u64, flags: u64) -> Self {
        const MAP_FIXED_ANONYMOUS: u64 = 0x30;
        let flags = flags | MAP_FIXED_ANONYMOUS;
        let len = pages * PAGE_SIZE;
        self.call(222, [at.into(), len.into(), prot.into(), flags.into(), (-1).into(), 0.into()]).is(at.0)
    }

    pub(crate) fn mprotect(self, at: VirtAddr, pages: u64, prot: u64) -> Self {
        self.call(226, [at.into(), (pages * PAGE_SIZE).into(), prot.into()])
    }
}
