"""The plan of a region: a flat list of integers for cpp/net/plan.cpp, and the weights as the kernels read them."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import composed, deferred
from .graph_index import Graph, attributes_of, factor, limits, only_reader, resize_size, text
from .matching import is_plain
from .weights import BLOCKED, FEW, PLANAR, Array, Packed, filled, pack_taps, pack_to_blocks, pack_to_planes, up

if TYPE_CHECKING:
    from onnx import NodeProto

VERSION = 3  # kPlanVersion
_LINE = 16  # floats: where a weight begins

_CONVOLUTION, _MAX_POOL, _RESIZE, _ADD, _PACK, _UNPACK, _DEFORMABLE, _SIGMOID, _GATE, _MEAN = range(10)
COORDINATES = {"half_pixel": 0, "pytorch_half_pixel": 1, "align_corners": 2, "asymmetric": 3}
_LINEAR = 0
_NEAREST = {"round_prefer_floor": 1, "round_prefer_ceil": 2, "floor": 3, "ceil": 4}
NO_CLAMP = (-math.inf, math.inf)


@dataclass(frozen=True)
class Region:
    """A compiled region: the indices of its nodes, the values it takes and gives, its plan and its weights."""

    nodes: list[int]
    inputs: list[str]
    outputs: list[str]
    plan: list[int]


def _window(attributes: dict[str, Any], size: list[int]) -> list[int]:
    """Size, strides, dilations and padding (top, left, bottom, right) of a convolution's or a pool's window."""
    strides, dilations = attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1])
    return [*size, *strides, *dilations, *attributes.get("pads", [0, 0, 0, 0])]


def _depth(sources: list[tuple[int, int]]) -> int:
    """The channels of values of these layouts, those of blocks as whole ones."""
    return sum(up(channels) if layout == BLOCKED else channels for layout, channels in sources)


def bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


class Compiler:
    def __init__(self, graph: Graph, nodes: list[int], weights: list[Packed]) -> None:
        self._graph = graph
        self._nodes = nodes
        self._inside = set(nodes)
        self._weights = weights
        self._values: list[tuple[int, int]] = []  # layout and channels
        self._steps: list[list[int]] = []
        self._inputs: list[str] = []
        self._numbers: dict[str, list[int]] = {}  # a graph's value is one of ours, or several after a Concat
        self._packed: dict[int, int] = {}
        self._input_numbers: list[int] = []

    def compile(self) -> Region:
        absorbed = self._absorbed()
        emitted: set[int] = set()
        for index in self._nodes:
            if index in absorbed or index in emitted:
                continue
            self._emit(index)
            # A map waits for all that read it: what makes a few planes of it for the end of the network comes at once.
            for reader in self._planes_of(self._ends.get(index, [index])[-1]):
                self._emit(reader)
                emitted.add(reader)
        outputs = [name for index in self._nodes for name in self._graph.nodes[index].output if self._leaves(name)]
        numbers = [self._planar(name) for name in outputs]
        plan = [VERSION, len(self._values)]
        for value in self._values:
            plan += value
        plan += [len(self._input_numbers), *self._input_numbers, len(numbers), *numbers, len(self._steps)]
        for step in self._steps:
            plan += step
        return Region(self._nodes, self._inputs, outputs, plan)

    def _leaves(self, name: str) -> bool:
        outside = any(reader not in self._inside for reader in self._graph.readers.get(name, []))
        return bool(name) and (outside or name in self._graph.outputs)

    # --- what a convolution, an addition or a sigmoid does by itself ---

    def _planes_of(self, maker: int) -> list[int]:
        """The convolutions to few channels, with nothing behind them, of what node `maker` makes."""
        graph = self._graph
        readers = graph.readers.get(graph.nodes[maker].output[0], [])
        convolutions = [index for index in readers if index in self._inside and graph.nodes[index].op_type == "Conv"]
        return [
            index
            for index in convolutions
            if graph.constants[graph.nodes[index].input[1]].dims[0] <= FEW
            and self._ends.get(index) == [index]
            and index not in self._firsts
        ]

    def _absorbed(self) -> set[int]:
        """Nodes that others do; fills `_ends` with the chain of each of those, `_firsts` with what is done before."""
        self._ends: dict[int, list[int]] = {}
        self._firsts = composed.pairs(self._graph, self._nodes)
        absorbed: set[int] = set(self._firsts.values())
        rank = {index: place for place, index in enumerate(self._nodes)}
        for index in self._nodes:
            node = self._graph.nodes[index]
            if node.op_type not in ("Conv", "Add", "DeformConv", "Sigmoid") or index in absorbed:
                continue
            chain = [index]
            while True:
                following = self._following(chain, rank, absorbed)
                if following is None:
                    break
                chain.append(following)
                absorbed.add(following)
            self._ends[index] = chain
        return absorbed

    def _following(self, chain: list[int], rank: dict[int, int], absorbed: set[int]) -> int | None:
        graph = self._graph
        name = graph.nodes[chain[-1]].output[0]
        readers = graph.readers.get(name, [])
        if not only_reader(graph, name) or readers[0] not in self._inside or readers[0] in absorbed:
            return None
        kinds = [graph.nodes[index].op_type for index in chain]
        node = graph.nodes[readers[0]]
        if kinds[0] == "Sigmoid":
            return readers[0] if kinds == ["Sigmoid"] and factor(graph, node) is not None else None
        if node.op_type in ("Relu", "Clip"):
            return None if kinds[-1] in ("Relu", "Clip") else readers[0]
        if kinds[0] == "DeformConv" and "Conv" not in kinds:
            return readers[0] if self._is_end(node) else None
        adds = kinds[0] == "Conv" or kinds[-1] == "Conv"  # the end of a deformable one has no clamp before
        if node.op_type == "Add" and adds and "Add" not in kinds and node.input[0] != node.input[1]:
            other = node.input[1] if node.input[0] == name else node.input[0]
            maker = graph.makers.get(other)
            convolution = graph.nodes[chain[kinds.index("Conv")]]
            few = graph.constants[convolution.input[1]].dims[0] <= FEW
            # The other operand must be there when the convolution ends: it is made before it, or comes from outside.
            early = maker is None or maker not in self._inside or self._done(maker, rank) < rank[chain[0]]
            if early and not few and self._is_single(other):
                return readers[0]
        return None

    def _is_end(self, node: NodeProto) -> bool:
        """Is it a 1x1 convolution to many channels, which a deformable one before it can do?"""
        if node.op_type != "Conv":
            return False
        outputs, _, *window = self._graph.constants[node.input[1]].dims
        attributes = attributes_of(node)
        plain = is_plain(attributes) and set(attributes.get("strides", [1])) == {1}
        return window == [1, 1] and outputs > FEW and plain

    def _done(self, index: int, rank: dict[int, int]) -> int:
        """The place of the step that makes what node `index` makes: that of the chain which absorbed it, or its own."""
        for head, chain in self._ends.items():
            if index in chain:
                return rank[head]
        return rank[index]

    def _is_single(self, name: str) -> bool:
        maker = self._graph.maker(name)
        return maker is None or maker.op_type != "Concat"

    # --- values ---

    def _new(self, layout: int, channels: int) -> int:
        self._values.append((layout, channels))
        return len(self._values) - 1

    def _channels(self, name: str) -> int:
        channels = self._graph.shapes[name][1]
        assert channels is not None
        return channels

    def _sources(self, name: str) -> list[int]:
        """The values that make up `name`: from outside it comes in planes."""
        if name not in self._numbers:
            number = self._new(PLANAR, self._channels(name))
            self._inputs.append(name)
            self._input_numbers.append(number)
            self._numbers[name] = [number]
        return self._numbers[name]

    def _blocked(self, number: int) -> int:
        layout, channels = self._values[number]
        if layout == BLOCKED:
            return number
        if number not in self._packed:
            self._packed[number] = self._new(BLOCKED, channels)
            self._steps.append([_PACK, 1, number, self._packed[number]])
        return self._packed[number]

    def _planar(self, name: str) -> int:
        numbers = self._numbers[name]
        if len(numbers) == 1 and self._values[numbers[0]][0] == PLANAR and numbers[0] not in self._input_numbers:
            return numbers[0]
        sources = [self._blocked(number) for number in numbers]
        output = self._new(PLANAR, self._channels(name))
        self._steps.append([_UNPACK, len(sources), *sources, output])
        return output

    def _stays_planar(self, name: str) -> bool:
        """May a convolution's output of few channels be planes? Its readers must take them."""
        for reader in self._graph.readers.get(name, []):
            if reader in self._inside:
                node = self._graph.nodes[reader]
                if node.op_type in ("Resize", "Add"):
                    if not self._stays_planar(node.output[0]):
                        return False
                elif node.op_type not in ("Conv", "Concat"):
                    return False
        return self._channels(name) <= FEW

    # --- steps ---

    def _emit(self, index: int) -> None:
        node = self._graph.nodes[index]
        if node.op_type == "Concat":
            self._numbers[node.output[0]] = [number for name in node.input for number in self._sources(name)]
        elif node.op_type == "Conv":
            self._emit_convolution(index, node)
        elif node.op_type == "MaxPool":
            self._emit_pool(node)
        elif node.op_type == "Resize":
            self._emit_resize(node)
        elif node.op_type == "Add":
            self._emit_add(index, node)
        elif node.op_type == "DeformConv":
            self._emit_deformable(index, node)
        elif node.op_type == "Sigmoid":
            self._emit_sigmoid(index, node)
        elif node.op_type == "Mul":
            self._emit_gate(node)
        elif node.op_type == "GlobalAveragePool":
            self._emit_blocked(_MEAN, [node.input[0]], node.output[0])
        else:
            raise AssertionError(f"{node.op_type} was to be done by another node")

    def _clamp_of(self, index: int) -> tuple[float, float]:
        found = limits(self._graph, self._graph.nodes[index])
        assert found is not None
        return found

    def _behind(self, chain: list[int]) -> tuple[tuple[float, float], int, tuple[float, float]]:
        """What a chain does with the sums of its convolution: clamp, value to add or -1, clamp."""
        first, second, residual = NO_CLAMP, NO_CLAMP, -1
        for before, after in itertools.pairwise(chain):
            follower = self._graph.nodes[after]
            if follower.op_type == "Add":
                made = self._graph.nodes[before].output[0]
                other = follower.input[1] if follower.input[0] == made else follower.input[0]
                residual = self._blocked(self._sources(other)[0])
            elif residual < 0:
                first = self._clamp_of(after)
            else:
                second = self._clamp_of(after)
        return first, residual, second

    def _emit_convolution(self, index: int, node: NodeProto) -> None:
        import numpy as np

        if index in self._firsts:
            self._emit_pair(index, node)
            return
        chain = self._ends[index]
        first, residual, second = self._behind(chain)
        outputs, _, height, width = self._graph.constants[node.input[1]].dims
        bias = self._bias(node, 2, outputs)
        result = self._graph.nodes[chain[-1]].output[0]
        sources = self._sources(node.input[0])
        few = all(self._values[number] <= (PLANAR, FEW) for number in sources)
        planar = residual < 0 and self._stays_planar(result)
        if (planar and not few) or any(self._values[number][1] > FEW for number in sources):
            sources = [self._blocked(number) for number in sources]
        depths = [self._values[number] for number in sources]
        dots = planar and all(layout == BLOCKED for layout, _ in depths)
        output = self._new(PLANAR if planar else BLOCKED, outputs)
        weights = deferred.values_of(self._graph.constants[node.input[1]])

        def packed() -> Array:
            return (pack_to_planes if dots else pack_to_blocks)(weights().astype(np.float32), depths)

        self._steps.append(
            [
                *(_CONVOLUTION, len(sources), *sources, output),
                *_window(attributes_of(node), [height, width]),
                self._store((outputs if dots else up(outputs)) * _depth(depths) * height * width, packed),
                self._store(outputs if dots else up(outputs), lambda: bias if dots else filled(bias)),
                *(*map(bits, first), 0, residual, *map(bits, second)),
            ]
        )
        self._numbers[result] = [output]

    def _emit_pair(self, index: int, node: NodeProto) -> None:
        """Two convolutions as one between few channels."""
        import numpy as np

        before = self._graph.nodes[self._firsts[index]]
        made = composed.compose(self._graph, before, node)
        chain = self._ends[index]
        first, _, second = self._behind(chain)
        result = self._graph.nodes[chain[-1]].output[0]
        sources = self._sources(before.input[0])
        depths = [self._values[number] for number in sources]
        planar = self._stays_planar(result) and any(layout == PLANAR for layout, _ in depths)
        outputs, _, height, width = made.weights.shape[1:]
        output = self._new(PLANAR if planar else BLOCKED, outputs)
        self._steps.append(
            [
                *(_CONVOLUTION, len(sources), *sources, output),
                *_window({"pads": made.pads}, [height, width]),
                self._store(
                    9 * up(outputs) * _depth(depths) * height * width,
                    lambda: np.stack([pack_to_blocks(each, depths) for each in made.weights]),
                ),
                self._store(9 * up(outputs), lambda: filled(made.biases, axis=1)),
                *(*map(bits, first), 1, -1, *map(bits, second)),
            ]
        )
        self._numbers[result] = [output]

    def _emit_deformable(self, index: int, node: NodeProto) -> None:
        import numpy as np

        source, weight, offset, *_ = node.input
        chain = self._ends[index]
        kinds = [self._graph.nodes[each].op_type for each in chain]
        end = kinds.index("Conv") if "Conv" in kinds else len(chain)
        clamp, _, _ = self._behind(chain[:end])
        outputs, _, height, width = self._graph.constants[weight].dims
        bias = self._bias(node, 3, outputs)
        sources = [self._single(source)]
        for name in (offset, *node.input[4:5]):
            sources += [self._blocked(number) for number in self._sources(name)] if name else []
        depth = self._values[sources[0]]
        weights = deferred.values_of(self._graph.constants[weight])
        ending = [0]
        made = outputs
        if end < len(chain):
            made, ending = self._end(chain[end:], outputs)
        output = self._new(BLOCKED, made)
        self._steps.append(
            [
                *(_DEFORMABLE, len(sources), *sources, output),
                *_window(attributes_of(node), [height, width]),
                self._store(
                    up(outputs) * up(depth[1]) * height * width,
                    lambda: pack_taps(weights().astype(np.float32), [depth]),
                ),
                self._store(up(outputs), lambda: filled(bias)),
                *(*map(bits, clamp), *ending),
            ]
        )
        self._numbers[self._graph.nodes[chain[-1]].output[0]] = [output]

    def _end(self, chain: list[int], through: int) -> tuple[int, list[int]]:
        """The 1x1 convolution that ends a deformable one of `through` channels: its outputs, and what the plan says."""
        import numpy as np

        node = self._graph.nodes[chain[0]]
        first, residual, second = self._behind(chain)
        outputs = self._graph.constants[node.input[1]].dims[0]
        bias = self._bias(node, 2, outputs)
        weights = deferred.values_of(self._graph.constants[node.input[1]])
        stored = [
            self._store(
                up(outputs) * up(through),
                lambda: pack_to_blocks(weights().astype(np.float32), [(BLOCKED, through)]),
            ),
            self._store(up(outputs), lambda: filled(bias)),
        ]
        return outputs, [through, *stored, residual, *map(bits, first if residual < 0 else second)]

    def _bias(self, node: NodeProto, place: int, outputs: int) -> Array:
        import numpy as np

        if len(node.input) > place and node.input[place]:
            bias: Array = self._graph.array(node.input[place]).astype(np.float32)
            return bias
        return np.zeros(outputs, np.float32)

    def _emit_blocked(self, kind: int, names: list[str], result: str, *more: int) -> None:
        """A step from blocked values to one like the first."""
        sources = [self._single(name) for name in names]
        output = self._new(BLOCKED, self._values[sources[0]][1])
        self._steps.append([kind, len(sources), *sources, output, *more])
        self._numbers[result] = [output]

    def _emit_sigmoid(self, index: int, node: NodeProto) -> None:
        chain = self._ends[index]
        scale = factor(self._graph, self._graph.nodes[chain[1]]) if len(chain) > 1 else 1.0
        assert scale is not None
        self._emit_blocked(_SIGMOID, [node.input[0]], self._graph.nodes[chain[-1]].output[0], bits(scale))

    def _emit_gate(self, node: NodeProto) -> None:
        operands = sorted(node.input, key=lambda name: self._channels(name) == 1)
        self._emit_blocked(_GATE, operands, node.output[0])

    def _emit_pool(self, node: NodeProto) -> None:
        attributes = attributes_of(node)
        source = self._single(node.input[0])
        output = self._new(BLOCKED, self._values[source][1])
        window = _window(attributes, attributes["kernel_shape"])
        self._steps.append([_MAX_POOL, 1, source, output, *window, attributes.get("ceil_mode", 0)])
        self._numbers[node.output[0]] = [output]

    def _emit_resize(self, node: NodeProto) -> None:
        attributes = attributes_of(node)
        number = self._sources(node.input[0])[0]
        if self._values[number][0] == PLANAR and not self._stays_planar(node.output[0]):
            number = self._blocked(number)
        layout, channels = self._values[number]
        output = self._new(layout, channels)
        size = resize_size(self._graph, node)
        assert size is not None
        height, width, *scales = size
        coordinates = COORDINATES[text(attributes.get("coordinate_transformation_mode"), "half_pixel")]
        linear = text(attributes.get("mode"), "nearest") == "linear"
        blend = _LINEAR if linear else _NEAREST[text(attributes.get("nearest_mode"), "round_prefer_floor")]
        self._steps.append([_RESIZE, 1, number, output, height, width, *map(bits, scales), coordinates, blend])
        self._numbers[node.output[0]] = [output]

    def _emit_add(self, index: int, node: NodeProto) -> None:
        chain = self._ends[index]
        clamp = self._clamp_of(chain[1]) if len(chain) > 1 else NO_CLAMP
        result = self._graph.nodes[chain[-1]].output[0]
        given = [self._sources(name) for name in node.input]
        planar = all(len(each) == 1 and self._values[each[0]][0] == PLANAR for each in given)
        planar = planar and self._stays_planar(result)
        sources = [each[0] for each in given] if planar else [self._single(name) for name in node.input]
        output = self._new(PLANAR if planar else BLOCKED, self._values[sources[0]][1])
        self._steps.append([_ADD, 2, *sources, output, *map(bits, clamp)])
        self._numbers[result] = [output]

    def _single(self, name: str) -> int:
        (number,) = self._sources(name)
        return self._blocked(number)

    def _store(self, size: int, values: Callable[[], Array]) -> int:
        """Where the `size` floats begin that `values` will make."""
        import numpy as np

        def padded() -> Array:
            flat = np.ascontiguousarray(values(), np.float32).reshape(-1)
            assert flat.size == size
            return np.pad(flat, (0, -size % _LINE))

        offset = sum(known.size for known in self._weights)
        self._weights.append(Packed(size + -size % _LINE, padded))
        return offset
