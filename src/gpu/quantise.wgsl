// Rows as integers of 16 bits, in two halves of 8 that `matmul-packed.wgsl` multiplies apart: a number is about
// step * (256 * high + low), the greatest magnitude of a row being 32,639 steps. CPU twin: `kernel::quantise_rows`, which
// has seven bits; with eight, vectors would be too far from those of the reference (ARCHITECTURE.md has the numbers).
//
// A workgroup has one row. `reduce.wgsl` goes behind this text.

requires packed_4x8_integer_dot_product;

// 127 * 256 + 127: the high half of none exceeds 127.
const LEVELS = 32639.0;

struct Shape {
    // In vectors of four.
    inputs: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// [rows][inputs]
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
// High and low halves of four numbers each, [rows][inputs]
@group(0) @binding(2) var<storage, read_write> codes: array<vec2u>;
// [rows]
@group(0) @binding(3) var<storage, read_write> steps: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    let first = group.x * shape.inputs;
    var most = vec4f();
    for (var i = index; i < shape.inputs; i += THREADS) {
        most = max(most, abs(x[first + i]));
    }
    let magnitude = greatest(index, max(max(most.x, most.y), max(most.z, most.w)));
    if (index == 0u) {
        steps[group.x] = magnitude / LEVELS;
    }
    // A row of zeros is zeros; so is one of numbers too small to divide by.
    let inverse = select(0.0, LEVELS / magnitude, magnitude > 1e-30);
    for (var i = index; i < shape.inputs; i += THREADS) {
        let levels = vec4i(round(clamp(x[first + i] * inverse, vec4f(-LEVELS), vec4f(LEVELS))));
        let high = (levels + 128) >> vec4u(8u);
        codes[first + i] = vec2u(pack4xI8(high), pack4xI8(levels - (high << vec4u(8u))));
    }
}
