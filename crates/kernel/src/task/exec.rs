//! Giving a process a program: execve (Linux 6.12 fs/exec.c, fs/binfmt_elf.c).

use super::elf::{ElfError, Image, Placement as ImagePlacement, Segment, SegmentFlags};
use super::stack::{ProgramFacts, RANDOM_BYTES, Strings};
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::{At, LookupFlags, Node};
use crate::mm::{FileMapping, Layout, MapBacking, MapRequest, Placement, Prot, TASK_SIZE, Work};
use crate::syscall::Flow;
use crate::task::{Handler, Signal, WaitStatus};
use crate::{Errno, FileId, MemoryCounters, MmId, UserContext};
use std::sync::Arc;
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// Room that the stack gets beyond its strings at once (`stack_expand`).
const STACK_EXPAND: u64 = 128 << 10;
/// The longest single string (`MAX_ARG_STRLEN`).
const MAX_STRING: usize = 32 * PAGE_SIZE as usize;
/// All strings together may take a quarter of the stack's limit, and at least this is always left (`bprm_stack_limits`).
const MAX_STRINGS: usize = (8 << 20) / 4;
/// As much of a file as is read to find its headers: they follow the ELF header in every program that Linux loads.
const HEAD_BYTES: usize = 64 << 10;
/// Where a static-pie program is put without address randomisation (`ELF_ET_DYN_BASE`: two thirds of user memory).
const PIE_BASE: u64 = (TASK_SIZE / 3 * 2) & !(PAGE_SIZE - 1);

/// A program to load first.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its path in the machine.
    pub path: Vec<u8>,
    /// The file.
    pub bytes: Vec<u8>,
    /// Its arguments, its name first.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment.
    pub environment: Vec<Vec<u8>>,
}

/// Why a program cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The file is no program for this machine.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// It needs an interpreter: dynamic programs are not supported.
    #[error("it is dynamically linked and needs the interpreter {0}")]
    Interpreter(String),
    /// A system call's reason.
    #[error("{0}")]
    Errno(Errno),
}

impl From<Errno> for ExecError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl ExecError {
    /// Returns the error of execve(2).
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Elf(error) => error.errno(),
            Self::Interpreter(_) => Errno::ENOENT,
            Self::Errno(errno) => *errno,
        }
    }
}

/// A program file that was found.
struct Found {
    node: Node,
    file: FileId,
    image: Image,
}

impl Ctx<'_> {
    /// Replaces the process's program.
    ///
    /// # Errors
    /// The errno of execve(2) while the old program can still go on. Later the process is killed, and the call does not
    /// return.
    pub(crate) fn execute(
        &mut self,
        path: &[u8],
        arguments: Vec<Vec<u8>>,
        environment: Vec<Vec<u8>>,
    ) -> Result<(), Flow> {
        let found = self.find_program(path).map_err(|error| error.errno())?;
        self.load(path, &found, arguments, environment)
    }

    /// Finds a program and reads its headers.
    pub(crate) fn check_program(&mut self, path: &[u8]) -> Result<(), ExecError> {
        self.find_program(path).map(|_| ())
    }

    fn find_program(&mut self, path: &[u8]) -> Result<Found, ExecError> {
        let base = self.kernel.fs.cwd(self.process().work_dir);
        let (node, file) = self.with_fs(|fs, env| {
            let node = fs.lookup(env.processes, At { base, path }, LookupFlags::empty())?;
            Ok::<_, Errno>((node, fs.program(node)?))
        })?;
        let head = self.kernel.memory.cache().read(self.harts.ram(), file, 0, HEAD_BYTES);
        let image = Image::parse(&head)?;
        if let Some(interpreter) = &image.interpreter {
            return Err(ExecError::Interpreter(String::from_utf8_lossy(interpreter).into_owned()));
        }
        Ok(Found { node, file, image })
    }

    fn load(
        &mut self,
        path: &[u8],
        found: &Found,
        mut arguments: Vec<Vec<u8>>,
        environment: Vec<Vec<u8>>,
    ) -> Result<(), Flow> {
        if arguments.is_empty() {
            // Since Linux 5.18 a program always has a first argument.
            arguments.push(Vec::new());
        }
        let strings = Strings::new(VirtAddr(TASK_SIZE), path, &arguments, &environment);
        let mm = self.new_memory(&strings, found)?;
        self.enter_memory(mm);
        // The old program is gone: from here on a failure can only kill.
        self.forget_old_program(path, found.node);
        match self.start_image(mm, found, &strings) {
            Ok(()) => {
                let path = String::from_utf8_lossy(path).into_owned();
                self.log(Interest::EXEC, || What::Exec { path });
                Ok(())
            }
            Err(_) => {
                self.exit_process(WaitStatus::Killed { signal: Signal::SIGSEGV, core: true });
                Err(Flow::NoReturn)
            }
        }
    }

    /// Makes an address space that holds the strings and nothing else.
    fn new_memory(&mut self, strings: &Strings, found: &Found) -> Result<MmId, Errno> {
        let mm = self.create_memory()?;
        let filled = self.memory(mm, |memory, work| {
            let top = VirtAddr(TASK_SIZE);
            let len_bytes = top.0 - strings.start.page_floor().0 + STACK_EXPAND;
            let mut prot = Prot::READ | Prot::WRITE;
            prot.set(Prot::EXEC, found.image.executable_stack);
            let request = MapRequest {
                placement: Placement::Fixed(VirtAddr(top.0 - len_bytes)),
                grows_down: true,
                ..MapRequest::anonymous(len_bytes, prot)
            };
            memory.map(work, mm, request)?;
            memory.poke(work, mm, strings.start, &strings.bytes).map_err(|_| Errno::ENOMEM)
        });
        filled.inspect_err(|_| self.kernel.drop_memory(self.harts, self.hart, self.pid, mm)).map(|()| mm)
    }

    fn create_memory(&mut self) -> Result<MmId, Errno> {
        let mut counters = MemoryCounters::default();
        let mut work = Work::supervisor(self.harts.ram(), &mut counters);
        let created = self.kernel.memory.create(&mut work);
        debug_assert!(work.finish().is_empty(), "an address space that nobody ran in owes no fence");
        created.map_err(|_| Errno::ENOMEM)
    }

    /// Lets go of the old address space and runs in the new one.
    fn enter_memory(&mut self, mm: MmId) {
        self.release_memory();
        self.process_mut().mm = Some(mm);
        self.kernel.activate(self.harts, self.hart, mm);
    }

    /// Forgets what does not outlive a program: handlers, descriptors marked so, the word to clear, the name.
    fn forget_old_program(&mut self, path: &[u8], node: Node) {
        const COMM_BYTES: usize = 15;
        let files = self.files();
        let own = self.kernel.fs.unshare_table(files);
        let before = self.process_mut().exe.replace(node);
        self.process_mut().files = Some(own);
        self.kernel.fs.hold(node);
        self.with_fs(|fs, env| {
            fs.close_on_exec(env, own);
            if let Some(before) = before {
                fs.release(env, before);
            }
        });
        self.wake_files();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let process = self.process_mut();
        process.command = name[..name.len().min(COMM_BYTES)].to_vec();
        process.actions.retain(|_, action| action.handler == Handler::Ignore);
        process.has_execed = true;
        process.exit_signal = process.exit_signal.map(|_| Signal::SIGCHLD);
        let task = self.task_mut();
        (task.clear_child_tid, task.set_child_tid) = (0, 0);
        task.alternate_stack = Default::default();
    }

    /// Maps the segments, fills the stack and points the task at the entry.
    fn start_image(&mut self, mm: MmId, found: &Found, strings: &Strings) -> Result<(), Errno> {
        let bias = match found.image.placement {
            ImagePlacement::Fixed => 0,
            ImagePlacement::Relocatable => PIE_BASE,
        };
        let mut layout = self.map_segments(mm, found, bias)?;
        layout.vdso = self.map_vdso(mm)?;

        let mut random = [0; RANDOM_BYTES];
        self.kernel.fs.random().fill(&mut random);
        let random_at = VirtAddr((strings.start.0 & !15) - RANDOM_BYTES as u64);
        let facts = ProgramFacts {
            headers_at: found.image.headers_at.map_or(VirtAddr(0), |at| at + bias),
            header_count: found.image.header_count,
            entry: found.image.entry + bias,
            vdso: layout.vdso,
        };
        let (sp, words) = strings.tables(&facts, random_at);
        self.write_bytes(random_at, &random).map_err(|_| Errno::EFAULT)?;
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write_bytes(sp, &words).map_err(|_| Errno::EFAULT)?;

        layout.start_stack = sp;
        layout.arg_start = strings.start;
        layout.env_start = strings.environment.first().copied().unwrap_or(strings.path);
        layout.arg_end = layout.env_start;
        layout.env_end = strings.path;
        self.kernel.memory.space_mut(mm).layout = layout;

        let mut context = UserContext { pc: facts.entry.0, ..UserContext::default() };
        context.x[usize::from(crate::Reg::SP.0)] = sp.0;
        self.harts.load(self.hart, &context);
        Ok(())
    }

    /// Maps the vDSO.
    fn map_vdso(&mut self, mm: MmId) -> Result<VirtAddr, Errno> {
        let mapping = FileMapping {
            file: self.kernel.vdso.file,
            first_page: 0,
            name: Arc::from("[vdso]"),
            inode: 0,
            device: 0,
        };
        let request = MapRequest {
            backing: MapBacking::File(mapping),
            ..MapRequest::anonymous(PAGE_SIZE, Prot::READ | Prot::EXEC)
        };
        self.memory(mm, |memory, work| memory.map(work, mm, request))
    }

    fn map_segments(&mut self, mm: MmId, found: &Found, bias: u64) -> Result<Layout, Errno> {
        let mut layout = self.kernel.memory.space(mm).layout;
        layout.start_code = VirtAddr(u64::MAX);
        for segment in &found.image.segments {
            self.map_segment(mm, found, segment, bias)?;
            let (start, file_end) = (segment.at + bias, segment.at + bias + segment.file_bytes);
            let memory_end = segment.at + bias + segment.memory_bytes;
            if segment.flags.contains(SegmentFlags::X) {
                layout.start_code = layout.start_code.min(start);
                layout.end_code = layout.end_code.max(file_end);
            }
            layout.start_data = layout.start_data.max(start);
            layout.end_data = layout.end_data.max(file_end);
            layout.brk = layout.brk.max(memory_end);
        }
        layout.brk = layout.brk.page_ceil().ok_or(Errno::ENOMEM)?;
        layout.start_brk = layout.brk;
        Ok(layout)
    }

    /// Maps one segment: its file part, then zeros up to its size in memory.
    fn map_segment(&mut self, mm: MmId, found: &Found, segment: &Segment, bias: u64) -> Result<(), Errno> {
        let mut prot = Prot::empty();
        prot.set(Prot::READ, segment.flags.contains(SegmentFlags::R));
        prot.set(Prot::WRITE, segment.flags.contains(SegmentFlags::W));
        prot.set(Prot::EXEC, segment.flags.contains(SegmentFlags::X));
        let start = (segment.at + bias).page_floor();
        let file_end = segment.at + bias + segment.file_bytes;
        let memory_end = segment.at + bias + segment.memory_bytes;
        let mut zeros_from = start;
        if segment.file_bytes > 0 {
            let backing =
                MapBacking::File(self.file_mapping(found.node, found.file, segment.offset / PAGE_SIZE));
            let request = MapRequest {
                placement: Placement::Fixed(start),
                backing,
                ..MapRequest::anonymous(file_end.0 - start.0, prot)
            };
            self.memory(mm, |memory, work| memory.map(work, mm, request))?;
            zeros_from = file_end.page_ceil().ok_or(Errno::ENOMEM)?;
            if memory_end > file_end && segment.flags.contains(SegmentFlags::W) {
                // The rest of the last file page is the beginning of .bss (padzero).
                let tail = zeros_from.0 - file_end.0;
                self.write_bytes(file_end, &vec![0; tail as usize]).map_err(|_| Errno::EFAULT)?;
            }
        }
        let memory_end = memory_end.page_ceil().ok_or(Errno::ENOMEM)?;
        if memory_end > zeros_from {
            let request = MapRequest {
                placement: Placement::Fixed(zeros_from),
                ..MapRequest::anonymous(memory_end.0 - zeros_from.0, prot)
            };
            self.memory(mm, |memory, work| memory.map(work, mm, request))?;
        }
        Ok(())
    }

    /// Reads a vector of strings that ends with NULL; NULL itself is an empty one.
    ///
    /// # Errors
    /// `EFAULT`, and `E2BIG` for too much.
    pub(crate) fn read_strings(&mut self, vector: VirtAddr) -> Result<Vec<Vec<u8>>, Errno> {
        let mut strings = Vec::new();
        if vector.0 == 0 {
            return Ok(strings);
        }
        let mut total = 0;
        let mut next = vector;
        loop {
            let at: u64 = self.read(crate::syscall::UserPtr::new(next))?;
            if at == 0 {
                break;
            }
            let string = self.read_string(VirtAddr(at), MAX_STRING, Errno::E2BIG)?;
            total += string.len() + 1 + size_of::<u64>();
            if total > MAX_STRINGS {
                return Err(Errno::E2BIG);
            }
            strings.push(string);
            next = next + 8;
        }
        Ok(strings)
    }
}
