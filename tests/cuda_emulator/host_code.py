"""The code of a kernel for this machine's processor: its LLVM IR, with a call before every access to memory.

Numba's IR is written for a GPU. What a GPU has and this machine does not (registers with the number of the thread,
barriers, shared memory, its library of functions) becomes a call of the emulator or an address of its memory; the rest
is the same code. It is optimized first, as the compiler of the GPU does, so that only real accesses are left to check.
What is not known here is refused: nothing is passed over.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import llvmlite.binding as llvm

from cuda_emulator.library import load

# Special registers; those of the second and third dimension are 0 and 1.
_REGISTERS = {"tid.x": "thread", "ntid.x": "threads", "ctaid.x": "block", "nctaid.x": "blocks"}
_DECLARATIONS = """
declare void @emulator_barrier(i32) convergent noduplicate nounwind
declare void @emulator_warp_barrier(i32, i32) convergent noduplicate nounwind
declare i32 @emulator_grid_barrier(i64, i32, i32) convergent noduplicate nounwind
declare i64 @emulator_grid(i32) nounwind
declare void @emulator_fence() nounwind
"""
_REGISTER = "declare i32 @emulator_{name}() nounwind willreturn memory(none)\n"
_CHECKS = """
declare ptr @emulator_read(ptr, i32, i32)
declare ptr @emulator_write(ptr, i32, i32)
declare ptr @emulator_atomic(ptr, i32, i32)
declare void @emulator_local(ptr, i64)
"""
# A load of four numbers at once, as `neurosim.backends.cuda.vector_loads` writes it.
_LOAD_FOUR = """
define linkonce_odr {float, float, float, float} @emulator_load_four(i64 %address) {
  %place = inttoptr i64 %address to <4 x float>*
  %four = load <4 x float>, <4 x float>* %place, align 16
  %a = extractelement <4 x float> %four, i32 0
  %b = extractelement <4 x float> %four, i32 1
  %c = extractelement <4 x float> %four, i32 2
  %d = extractelement <4 x float> %four, i32 3
  %r1 = insertvalue {float, float, float, float} undef, float %a, 0
  %r2 = insertvalue {float, float, float, float} %r1, float %b, 1
  %r3 = insertvalue {float, float, float, float} %r2, float %c, 2
  %r4 = insertvalue {float, float, float, float} %r3, float %d, 3
  ret {float, float, float, float} %r4
}
"""
# How blocks count themselves and look at the count, as `neurosim.backends.cuda.grid_barrier` writes it.
_ARRIVE = """
define linkonce_odr void @emulator_arrive(i64 %address) {
  %counter = inttoptr i64 %address to i32*
  call void @emulator_fence()
  %before = atomicrmw add i32* %counter, i32 1 monotonic
  ret void
}
"""
_ARRIVED = """
define linkonce_odr i32 @emulator_arrived(i64 %address) {
  %counter = inttoptr i64 %address to i32*
  %seen = atomicrmw add i32* %counter, i32 0 monotonic
  call void @emulator_fence()
  ret i32 %seen
}
"""
# Functions in place of one instruction each, by the beginning of that: with their text.
_INSTRUCTIONS = {
    "ld.global.v4.f32": ("emulator_load_four", _LOAD_FOUR),
    "red.release.gpu.global.add.u32": ("emulator_arrive", _ARRIVE),
    "ld.acquire.gpu.global.u32": ("emulator_arrived", _ARRIVED),
    "cp.async.cg.shared.global": ("emulator_copy", "declare void @emulator_copy(i64, i64)"),
    "cp.async.commit_group": ("emulator_close_group", "declare void @emulator_close_group()"),
    "cp.async.wait_group": ("emulator_wait_2", "declare void @emulator_wait_2()"),
}
_ASSEMBLY = re.compile(r'asm sideeffect "([\w.]+)[^"]*", "[^"]*"\s*(\(.*)')
_SIZES = {"i8": 1, "i16": 2, "i32": 4, "float": 4, "i64": 8, "double": 8, "ptr": 8}
_NAME = r'%(?:"[^"]*"|[\w.$-]+)'
_LOAD = re.compile(
    rf"^  ({_NAME}) = load (?P<atomic>atomic )?(?P<type><[^>]*>|\S+), ptr (?P<place>.+?)(?P<rest>, align .*)$"
)
_STORE = re.compile(
    r"^  store (?P<atomic>atomic )?(?P<type><[^>]*>|\S+) (?P<value>.+), ptr (?P<place>.+?)(?P<rest>, align .*)$"
)
_ATOMIC = re.compile(rf"^  {_NAME} = (?:atomicrmw|cmpxchg) .*?ptr (?P<place>[^,]+), (?P<type>\S+) ")
_LOCAL = re.compile(rf"^  (?P<name>{_NAME}) = alloca (?P<type>.+?), align \d+")
# What is left although nothing here knows it: of a GPU; and of accesses to memory.
_FOREIGN = re.compile(r'@"?llvm\.nvvm\.[\w.]+|\basm (?:sideeffect )?"[^"]*"')
_UNKNOWN = re.compile(r"@llvm\.(?:memset|memcpy|memmove)[\w.]*|= (?:load|alloca|atomicrmw|cmpxchg) |^  store ")
_SITE = re.compile(r", !site !(\d+)")

# Modes of the floating-point unit: usual; and one that takes and makes 0 of numbers too small for a normal one.
ROUNDING, FLUSHING = 0x1F80, 0x9FC0
# Nodes of metadata from this number on are ours.
_FIRST_NODE = 1_000_000
# What sites of accesses and barriers are in: the names of functions. 0 is none.
sites: list[str] = ["?"]
_engines: list[llvm.ExecutionEngine] = []


@dataclass(frozen=True)
class HostKernel:
    """A compiled kernel.

    Attributes
    ----------
    code : int
        The address of a function that takes the addresses of the parameters.
    sizes : list of int
        Bytes of each parameter.
    shared, constants : list of (int, int)
        Addresses and sizes of its shared arrays and of its constants.
    """

    code: int
    sizes: list[int]
    shared: list[tuple[int, int]]
    constants: list[tuple[int, int]]


@functools.cache
def _target_machine() -> llvm.TargetMachine:
    library = load()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name in subprograms(library):
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        llvm.add_symbol(name, address)
    return _new_machine()


def _new_machine() -> llvm.TargetMachine:
    """For this processor, whose instructions for fused multiply-add are quicker than the C library."""
    features = llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=1, jit=True
    )


def subprograms(library: ctypes.CDLL) -> list[str]:
    """What kernels may call of the library."""
    names = ["thread", "threads", "block", "blocks", "zero", "one", "barrier", "warp_barrier", "grid", "grid_barrier"]
    names += ["fence", "copy", "close_group", "wait_2"]
    return [f"emulator_{name}" for name in [*names, "read", "write", "atomic", "local"]]


def compile_for_host(modules: Sequence[str], kernel: str, *, fusing: bool = True, flushing: bool = False) -> HostKernel:
    """Compile the modules of a kernel, with what it calls, for this machine.

    As the compiler of a GPU may do: with `fusing`, products are fused with the sums that they are added to, where this
    processor can; with `flushing`, numbers too small for a normal float32 count as 0.

    Raises
    ------
    NotImplementedError
        For an instruction that is not emulated.
    """
    machine = _target_machine()
    linked = None
    for text in dict.fromkeys(modules):
        module = llvm.parse_assembly(_for_host(text))
        if linked is None:
            linked = module
        else:
            linked.link_in(module)
    text, shared = _with_shared_window(str(linked))
    # All but the kernel are its own, and go away where they are called; and loops stay loops, not calls of memset.
    text = re.sub(r"^define linkonce_odr", "define internal", text, flags=re.MULTILINE)
    text = re.sub(r"^(define .*) \{$", r'\1 "no-builtins" {', text, flags=re.MULTILINE)
    optimized = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(optimized, builder)
    text = _with_checks(str(optimized))
    # Also tables that the optimizer has made of a choice need an address that can be asked for.
    text = re.sub(r"^(@.* = )private ", r"\1internal ", text, flags=re.MULTILINE)
    if fusing:
        text = re.sub(r"= (fmul|fadd|fsub) (float|double) ", r"= \1 contract \2 ", text)
    types = _parameter_types(text, kernel)
    module = llvm.parse_assembly(text + _entry(kernel, types, FLUSHING if flushing else ROUNDING))
    module.verify()
    engine = llvm.create_mcjit_compiler(module, _new_machine())
    engine.finalize_object()
    _engines.append(engine)
    constants = [
        (address, engine.target_data.get_abi_size(variable.global_value_type))
        for variable in module.global_variables
        if not variable.is_declaration and (address := engine.get_global_value_address(variable.name))
    ]
    sizes = [_SIZES[kind] for kind in types]
    return HostKernel(engine.get_function_address("emulator_entry"), sizes, shared, constants)


# From Numba's IR to that of the host ------------------------------------------------------------------------


def _for_host(text: str) -> str:
    """A module of Numba's, for the host, with the function at each access and barrier."""
    lines = []
    function, at = "", 0
    called = set()
    instructions: dict[str, None] = {}

    def register(match: re.Match[str]) -> str:
        own = match[1].startswith(("ntid", "nctaid"))
        name = _REGISTERS.get(match[1], "one" if own else "zero")
        called.add(name)
        return f"@emulator_{name}()"

    def instruction(match: re.Match[str]) -> str:
        if match[1] not in _INSTRUCTIONS:
            return match[0]
        name, text = _INSTRUCTIONS[match[1]]
        instructions[text] = None
        return f"@{name}{match[2]}"

    for given in text.splitlines():
        line = given
        if line.startswith(("target ", "!nvvm", '@"llvm.used"', "@llvm.used")):
            continue
        if line.startswith("declare") and ("llvm.nvvm" in line or "cudaCG" in line):
            continue
        if "zeroinitializer" in line and "_cudapy_lmem" in line:
            continue  # Numba fills local arrays with zeros, but does not promise it
        if line.startswith("define"):
            function = _function_name(line)
            at = _new_site(function)
        if "llvm.nvvm." in line:
            line = re.sub(r'@"?llvm\.nvvm\.read\.ptx\.sreg\.([a-z]+\.[xyz])"?\(\)', register, line)
            line = re.sub(r'@"?llvm\.nvvm\.barrier0"?\(\)', f"@emulator_barrier(i32 {_new_site(function)})", line)
            of_warp = rf"@emulator_warp_barrier(\1, i32 {_new_site(function)})"
            line = re.sub(r'@"?llvm\.nvvm\.bar\.warp\.sync"?\((i32 [^)]*)\)', of_warp, line)
            line = re.sub(r'@"?llvm\.nvvm\.membar\.(?:gl|sys)"?\(\)', "@emulator_fence()", line)
        elif "cudaCG" in line:
            line = line.replace('@"cudaCGGetIntrinsicHandle"(', "@emulator_grid(")
            at_grid = rf"@emulator_grid_barrier(\1, i32 {_new_site(function)})"
            line = re.sub(r'@"cudaCGSynchronize"\(([^)]*)\)', at_grid, line)
        elif " asm " in line:
            line = _ASSEMBLY.sub(instruction, line)
        elif "addrspace" in line:
            line = line.replace("addrspacecast", "bitcast")
            line = re.sub(r'^(@"?_cudapy_smem\w*"? = )(?:external )?addrspace\(3\)', r"\1internal addrspace(3)", line)
            line = re.sub(r" ?addrspace\([0-9]\)", "", line)
        if unknown := _FOREIGN.search(line):
            raise NotImplementedError(f"not emulated: {unknown[0]}")
        if " = load " in line or line.startswith("  store "):
            line += f", !site !{at + _FIRST_NODE}"
        lines.append(line)
        if line == "}":
            lines.append(f'!{at + _FIRST_NODE} = !{{!"{function}"}}')
            function = ""
    return "\n".join([*lines, *instructions, _DECLARATIONS, *(_REGISTER.format(name=name) for name in sorted(called))])


def _new_site(function: str) -> int:
    sites.append(function)
    return len(sites) - 1


def _function_name(line: str) -> str:
    """The name of a function in its author's text, from that in the IR: _ZN and pairs of lengths and names."""
    found = re.search(r'@"?_ZN([^"(]*)', line)
    rest, name = found[1] if found else "", "?"
    while match := re.match(r"(\d+)", rest):
        length = int(match[1])
        rest = rest[match.end() :]
        name, rest = rest[:length], rest[length:]
    return name


def _with_shared_window(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with addresses in the emulator's window in place of shared arrays, and these addresses and sizes."""
    library = load()
    library.emulator_window.restype = ctypes.c_uint64
    at = begin = library.emulator_window()
    shared = []
    pattern = r"^@(_cudapy_smem[\w.]*) = [^\n]*\[(\d+) x (\w+)\] undef, align (\d+)\n"
    for name, count, kind, align in re.findall(pattern, text, flags=re.MULTILINE):
        size = int(count) * _SIZES[kind]
        at += -at % int(align)
        shared.append((at, size))
        text = re.sub(rf"^@{re.escape(name)} = .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(rf"@{re.escape(name)}(?![\w.])", f"inttoptr (i64 {at} to ptr)", text)
        # A gap shows whoever goes beyond the end.
        at += size + library.emulator_window_gap()
    if "_cudapy_smem" in text or at - begin > library.emulator_window_size():
        raise NotImplementedError("shared memory of a kind that is not emulated")
    return text, shared


def _with_checks(text: str) -> str:
    """The optimized text, with calls of the emulator that say where to read and write."""
    lines = []
    nodes = dict(re.findall(r'^!(\d+) = !\{!"([^"]*)"\}$', text, flags=re.MULTILINE))
    places: dict[str, int] = {}

    def site_of(line: str) -> int:
        found = _SITE.search(line)
        name = nodes.get(found[1], "?") if found else "?"
        if name not in places:
            places[name] = _new_site(name)
        return places[name]

    for number, line in enumerate(text.splitlines()):
        check = f"%emulator.{number}"
        if match := _LOAD.match(line):
            call, where = "read", match["place"]
        elif match := _STORE.match(line):
            call, where = "write", match["place"]
        elif match := _ATOMIC.match(line):
            call, where = "atomic", match["place"]
        elif match := _LOCAL.match(line):
            lines += [line, f"  call void @emulator_local(ptr {match['name']}, i64 {_size_of(match['type'])})"]
            continue
        else:
            if (unknown := _UNKNOWN.search(line)) and not line.startswith("declare"):
                raise NotImplementedError(f"not emulated: {unknown[0]} in {line.strip()[:200]}")
            lines.append(line)
            continue
        if call != "atomic" and match["atomic"]:
            call = "atomic"
        size = _size_of(match["type"])
        lines.append(f"  {check} = call ptr @emulator_{call}(ptr {where}, i32 {size}, i32 {site_of(line)})")
        start, end = match.span("place")
        lines.append(_SITE.sub("", line[:start] + check + line[end:]))
    return "\n".join(lines) + _CHECKS


def _size_of(kind: str) -> int:
    if match := re.fullmatch(r"[<\[](\d+) x (.+)[>\]]", kind):
        return int(match[1]) * _size_of(match[2])
    if kind not in _SIZES:
        raise NotImplementedError(f"not emulated: memory of the type {kind}")
    return _SIZES[kind]


# How the emulator calls the kernel --------------------------------------------------------------------------


def _parameter_types(text: str, kernel: str) -> list[str]:
    found = re.search(rf'^define [^@\n]*@"?{re.escape(kernel)}"?\(', text, flags=re.MULTILINE)
    assert found, kernel
    types, depth, word = [], 0, ""
    for character in text[found.end() :]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or (depth == 0 and character == ","):
            types += word.split()[:1]
            word = ""
        else:
            word += character
        if depth < 0:
            break
    return types


def _entry(kernel: str, types: Sequence[str], mode: int) -> str:
    """A function that takes the parameters from where the launch has put them, in a mode of the processor."""
    lines, given = [], []
    for number, kind in enumerate(types):
        lines += [
            f"  %a{number} = getelementptr ptr, ptr %parameters, i64 {number}",
            f"  %b{number} = load ptr, ptr %a{number}",
            f"  %c{number} = load {kind}, ptr %b{number}",
        ]
        given.append(f"{kind} %c{number}")
    lines.append(f'  call void @"{kernel}"({", ".join(given)})')
    begin = ["  %mode = alloca i32", f"  store i32 {mode}, ptr %mode", "  call void @llvm.x86.sse.ldmxcsr(ptr %mode)"]
    return "\n".join(
        [
            "",
            "declare void @llvm.x86.sse.ldmxcsr(ptr)",
            "define void @emulator_entry(ptr %parameters) {",
            *begin,
            *lines,
            "  ret void",
            "}",
            "",
        ]
    )
