//! Random system calls with arguments that no sane program passes: nothing panics, nothing leaks, nothing runs away.
//!
//! What a guest may do at all is in its registers and its memory. Both are drawn from the values that kernels get wrong:
//! holes, the kernel's half, the last byte of user space, misaligned pointers, huge lengths, negative numbers, descriptors
//! of every kind, results of earlier calls.

use crate::script::{DATA, DATA_PAGES, HANDLER, S0, S1, Script, Step, TEXT, Value, page, script};
use crate::world::{Setup, World};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use tine_kernel::mm::TASK_SIZE;
use tine_kernel::syscall::SYSCALLS;
use tine_kernel::{ForkMode, ForkOrder, Interest, MemoryPolicy, Outcome};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// Strings that the calls may name, each in 32 bytes of the first page.
const PATHS: [&str; 16] = [
    "",
    "/",
    ".",
    "..",
    "/tmp",
    "/tmp/file",
    "/tmp/dir",
    "/tmp/dir/link",
    "/dev/null",
    "/dev/zero",
    "/dev/urandom",
    "/dev/full",
    "/proc/self/maps",
    "/proc/self/fd",
    "/bin/script",
    "tmp/file/below",
];
const RT_SIGRETURN: u64 = 139;
/// Words of the second page that the calls may point at.
const WORDS: usize = 32;

/// Numbers on both sides of every border.
const EDGES: [u64; 24] = [
    0,
    1,
    7,
    0x9000,
    TEXT.0,
    TEXT.0 + PAGE_SIZE - 1,
    PAGE_SIZE - 1,
    PAGE_SIZE,
    0x7fff_f000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    TASK_SIZE - PAGE_SIZE,
    TASK_SIZE - 8,
    TASK_SIZE - 1,
    TASK_SIZE,
    999_999_999,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX - PAGE_SIZE + 1,
    u64::MAX - 7,
    u64::MAX,
    -100_i64 as u64,
];

fn number() -> impl Strategy<Value = u64> {
    let words = WORDS as u64;
    prop_oneof![
        5 => 0..16_u64,
        2 => (0..PATHS.len() as u64).prop_map(|index| page(0).0 + 32 * index),
        3 => (0..words).prop_map(|index| page(1).0 + 8 * index),
        2 => (0..DATA_PAGES * PAGE_SIZE).prop_map(|offset| DATA.0 + offset),
        1 => (0..DATA_PAGES + 4).prop_map(|index| page(index).0),
        3 => select(EDGES.to_vec()),
        1 => (0..64_u32).prop_map(|bit| 1 << bit),
        1 => (1..80_u64).prop_map(|pages| pages * PAGE_SIZE),
        1 => any::<u64>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => number().prop_map(Value::Known),
        1 => select(vec![S0, S1]).prop_map(Value::In),
    ]
}

/// Calls with arguments that may well succeed, a letter for each; see [`plausible_argument`].
const PLAUSIBLE: &[(u64, &str)] = &[
    (5, "ppbFF"),
    (6, "ppbFF"),
    (7, "fpbFF"),
    (8, "ppbl"),
    (9, "ppbl"),
    (10, "fpbl"),
    (11, "pbl"),
    (13, "fbl"),
    (14, "pp"),
    (16, "fp"),
    (17, "bl"),
    (23, "f"),
    (24, "ffF"),
    (25, "fFn"),
    (29, "fFw"),
    (32, "fF"),
    (33, "dpFn"),
    (34, "dpF"),
    (35, "dpF"),
    (36, "pdp"),
    (37, "dpdpF"),
    (43, "pb"),
    (45, "pl"),
    (46, "fl"),
    (47, "fFll"),
    (48, "dpF"),
    (49, "p"),
    (50, "f"),
    (52, "fF"),
    (53, "dpF"),
    (54, "dpFFF"),
    (56, "dpFF"),
    (57, "f"),
    (59, "wF"),
    (61, "fbl"),
    (62, "flF"),
    (63, "fbl"),
    (64, "fbl"),
    (65, "fwF"),
    (66, "fwF"),
    (67, "fbll"),
    (68, "fbll"),
    (69, "fwFl"),
    (70, "fwFl"),
    (71, "ffwl"),
    (72, "FwwwwF"),
    (73, "wFwF8"),
    (75, "fwFF"),
    (76, "fwfwlF"),
    (77, "fflF"),
    (78, "dpbl"),
    (79, "dpbF"),
    (80, "fb"),
    (81, ""),
    (82, "f"),
    (84, "fllF"),
    (88, "dpwF"),
    (95, "FiwFw"),
    (96, "w"),
    (101, "ww"),
    (102, "Fw"),
    (103, "Fww"),
    (113, "Fw"),
    (115, "FFww"),
    (123, "ilw"),
    (129, "iF"),
    (130, "iF"),
    (131, "iiF"),
    (132, "ww"),
    (133, "w8"),
    (134, "Fww8"),
    (135, "Fww8"),
    (136, "w8"),
    (137, "www8"),
    (138, "iFw"),
    (139, ""),
    (154, "ii"),
    (155, "i"),
    (157, ""),
    (165, "Fb"),
    (166, "F"),
    (167, "nw"),
    (213, "fll"),
    (214, "a"),
    (215, "al"),
    (220, "Fz"),
    (221, "pzz"),
    (222, "zlFmfz"),
    (223, "fllF"),
    (226, "alF"),
    (227, "alF"),
    (232, "alb"),
    (233, "al4"),
    (240, "iiFw"),
    (260, "iwFw"),
    (261, "iFzw"),
    (267, "f"),
    (276, "dpdpF"),
    (278, "blF"),
    (279, "pF"),
    (285, "fwfwlF"),
    (286, "fwFlnF"),
    (287, "fwFlnF"),
    (291, "dpFFb"),
    (436, "ffF"),
    (439, "dpFF"),
];

/// Draws an argument: an address, buffer, directory, descriptor, flag, process, length, mapping flag, path, word of a
/// struct, anything, or the digit itself; one time in ten something else.
fn plausible_argument(kind: char) -> BoxedStrategy<Value> {
    const AT_FDCWD: u64 = -100_i64 as u64;
    let pages = |count: u64| (0..count).prop_map(|index| page(index).0);
    let drawn = match kind {
        'a' => prop_oneof![2 => pages(DATA_PAGES), 1 => (0..256_u64).prop_map(|index| 0x100_0000 + index * PAGE_SIZE)].boxed(),
        'b' => prop_oneof![pages(DATA_PAGES), (0..DATA_PAGES * PAGE_SIZE).prop_map(|offset| DATA.0 + offset)].boxed(),
        'd' => select(vec![AT_FDCWD, 6]).boxed(),
        'f' => (0..10_u64).boxed(),
        'F' => prop_oneof![4 => 0..8_u64, 1 => (0..32_u32).prop_map(|bit| 1 << bit)].boxed(),
        'i' => select(vec![0, 2, 3, 4, 5, u64::MAX]).boxed(),
        'l' => prop_oneof![1 => 0..300_u64, 2 => (0..40_u64).prop_map(|pages| pages * PAGE_SIZE), 1 => select(EDGES.to_vec())].boxed(),
        'm' => (select(vec![1_u64, 2]), select(vec![0, 0x20, 0x20, 0x20]), select(vec![0, 0, 0x10, 0x4000, 0x8000, 0x10_0000]))
            .prop_map(|(sharing, anonymous, placement)| sharing | anonymous | placement)
            .boxed(),
        'p' => (0..PATHS.len() as u64).prop_map(|index| page(0).0 + 32 * index).boxed(),
        'w' => prop_oneof![
            2 => Just(0),
            2 => (0..WORDS as u64).prop_map(|index| page(1).0 + 8 * index),
            4 => (0..STRUCTS.len() as u64).prop_map(|index| page(3).0 + 8 * index),
        ]
        .boxed(),
        'z' => Just(0).boxed(),
        digit => digit.to_digit(10).map_or_else(|| number().boxed(), |digit| Just(digit.into()).boxed()),
    };
    prop_oneof![9 => drawn.prop_map(Value::Known), 1 => value()].boxed()
}

/// A `struct timespec`, two of `struct iovec`, a `struct sigaction`, and two of `struct pollfd`.
const STRUCTS: [u64; 11] = [
    0,
    1_000,
    DATA.0 + 4 * PAGE_SIZE,
    100,
    DATA.0 + 5 * PAGE_SIZE,
    5_000,
    HANDLER.0,
    0,
    0,
    1 << 32 | 3,
    4 << 32 | 4,
];

/// A call of the table with any arguments, a call of any number, or one that may well succeed.
fn call() -> impl Strategy<Value = Step> {
    let known = select(SYSCALLS.iter().map(|call| call.number).collect::<Vec<_>>());
    let any_number = prop_oneof![8 => known, 1 => 0..512_u64, 1 => any::<u64>()];
    let wild = (any_number, prop::array::uniform6(value()));
    let plausible = PLAUSIBLE.iter().map(|&(number, kinds)| {
        let arguments: Vec<_> = kinds.chars().map(plausible_argument).collect();
        let registers = arguments.prop_map(|drawn| {
            let mut registers = [Value::Known(0); 6];
            registers[..drawn.len()].copy_from_slice(&drawn);
            registers
        });
        (Just(number), registers).boxed()
    });
    let child = select(vec![17_u64, 0, 0x111, 0x4111, 0x120_0011, 0x511])
        .prop_map(|flags| (220, [flags.into(), 0.into(), 0.into(), 0.into(), page(1).into(), 0.into()]));
    let drawn = prop_oneof![4 => wild, 12 => proptest::strategy::Union::new(plausible), 1 => child];
    drawn.prop_map(|(number, arguments)| Step::Call(number, arguments))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => call(),
        3 => select(vec![S0, S1]).prop_map(Step::Keep),
        1 => (1..20_000_u64).prop_map(Step::Compute),
        2 => (1..DATA_PAGES, value()).prop_map(|(index, value)| Step::Store(page(index), value)),
        1 => (0..WORDS as u64, value()).prop_map(|(index, value)| Step::Store(page(1) + 8 * index, value)),
    ]
}

/// Fills memory with paths and words, and opens a pipe, a device, a directory, a file and a text of `/proc`.
fn prologue(words: &[u64]) -> Script {
    const OPENAT: u64 = 56;
    const O_RDWR_CREAT: u64 = 0o102;
    let path = |index: usize| page(0) + 32 * index as u64;
    let open = |steps: Script, index: usize, flags: u64| {
        steps.call(OPENAT, [(-100).into(), path(index).into(), flags.into(), 0o644.into()])
    };
    let strings =
        PATHS.iter().enumerate().fold(script(), |steps, (index, text)| steps.string(path(index), text));
    let filled = words
        .iter()
        .enumerate()
        .fold(strings, |steps, (index, word)| steps.store(page(1) + 8 * index as u64, *word));
    let filled = STRUCTS
        .iter()
        .enumerate()
        .fold(filled, |steps, (index, word)| steps.store(page(3) + 8 * index as u64, *word));
    // After an exec there may be no descriptor left.
    let piped = filled.call(59, [page(2).into(), 0.into()]);
    [(9, 2), (4, 0), (5, O_RDWR_CREAT), (12, 0)]
        .into_iter()
        .fold(piped, |steps, (index, flags)| open(steps, index, flags))
}

fn setup() -> impl Strategy<Value = Setup> {
    let policy = select(vec![
        MemoryPolicy::TEXTBOOK,
        MemoryPolicy::LINUX,
        MemoryPolicy { fork: ForkMode::Eager, fork_order: ForkOrder::ChildFirst, ..MemoryPolicy::TEXTBOOK },
        MemoryPolicy { fork: ForkMode::Odf, cow_batch_pages: 16, ..MemoryPolicy::LINUX },
    ]);
    let interest = select(vec![Interest::empty(), Interest::all()]);
    (policy, 200..600_u64, 1..4_u32, 0..3_u64, interest).prop_map(
        |(policy, frames, harts, seed, interest)| Setup {
            policy,
            frames,
            harts,
            seed,
            interest,
            max_processes: 5,
            max_instructions: Some(50_000),
        },
    )
}

/// More traps than any script here takes, unless it goes round for ever.
const MAX_STEPS: u32 = 4_000;

/// Runs a script to its end, or as long as anybody could want.
fn survive(setup: Setup, script: Script) {
    let mut world = World::unwatched(setup, script);
    let outcome = (0..MAX_STEPS).find_map(|_| world.step());
    world.check();
    if matches!(outcome, Some(Outcome::Ended(_))) && world.kernel.tasks.task_count() == 0 {
        world.check_nothing_left();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 800,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_calls_do_no_harm(
        setup in setup(),
        words in prop::collection::vec(number(), WORDS),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let body = Script { steps };
        let handler = script().call(RT_SIGRETURN, []);
        survive(setup, prologue(&words).and(body).exit(0).with_handler(handler));
    }
}

/// Every number in the lower half of the table's range, and what follows it, with nothing at all and with nothing good.
#[test]
fn every_number_is_answered() {
    const EXIT: [u64; 2] = [93, 94];
    for argument in
        [Value::Known(0), Value::Known(u64::MAX), Value::Known(DATA.0), Value::Known(page(1).0 + 1)]
    {
        for number in (0..600).filter(|number| !EXIT.contains(number)) {
            let steps = prologue(&[0; WORDS]).and(Script { steps: vec![Step::Call(number, [argument; 6])] });
            survive(Setup::default(), steps.exit(0));
        }
    }
}

/// A path may lie across the end of user space, where adding its length wraps round.
#[test]
fn strings_at_the_edge_of_user_space_are_refused() {
    for at in [TASK_SIZE, u64::MAX - 4, u64::MAX] {
        let at = VirtAddr(at);
        let steps = script().call(49, [at.into()]).fails(tine_kernel::Errno::EFAULT);
        survive(Setup::default(), steps.exec(at).fails(tine_kernel::Errno::EFAULT).exit(0));
    }
}
