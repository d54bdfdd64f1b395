// A linear layer on rows of f32: out = (x W^T) * scale + bias, then what `product.wgsl` does, where the layer is declared.
// Weights are int8, four successive inputs in a word; they become numbers as they are read, so that sums differ from exact
// ones by rounding alone. CPU twins: `kernel::multiply` (which rounds activations to seven bits besides) with `gelu_rows`
// behind it, and the oracle `kernel::scalar::linear`.
//
// Each of 16 x 4 invocations makes 8 rows of 4 outputs in registers: 12 reads for 128 products. Nothing goes through
// workgroup memory and nobody waits for others, for devices on which those are no faster than the cache that is there
// anyway.

// [rows][inputs]
@group(0) @binding(1) var<storage, read> x: array<vec4f>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.y * 8u;
    let column = id.x * 4u;
    let next = vec4u(0u, 1u, 2u, 3u);
    // Where rows of either side begin. In place of one that is not there the last is read.
    let a = min(row + next, vec4u(shape.rows - 1u)) * shape.inputs;
    let b = min(row + 4u + next, vec4u(shape.rows - 1u)) * shape.inputs;
    let w = min(column + next, vec4u(shape.outputs - 1u)) * shape.inputs;
    var s0 = vec4f();
    var s1 = vec4f();
    var s2 = vec4f();
    var s3 = vec4f();
    var s4 = vec4f();
    var s5 = vec4f();
    var s6 = vec4f();
    var s7 = vec4f();
    for (var at = 0u; at < shape.inputs; at++) {
        let w0 = unpack(weights[w.x + at]);
        let w1 = unpack(weights[w.y + at]);
        let w2 = unpack(weights[w.z + at]);
        let w3 = unpack(weights[w.w + at]);
        s0 += products(x[a.x + at], w0, w1, w2, w3);
        s1 += products(x[a.y + at], w0, w1, w2, w3);
        s2 += products(x[a.z + at], w0, w1, w2, w3);
        s3 += products(x[a.w + at], w0, w1, w2, w3);
        s4 += products(x[b.x + at], w0, w1, w2, w3);
        s5 += products(x[b.y + at], w0, w1, w2, w3);
        s6 += products(x[b.z + at], w0, w1, w2, w3);
        s7 += products(x[b.w + at], w0, w1, w2, w3);
    }
    store(row, column, s0);
    store(row + 1u, column, s1);
    store(row + 2u, column, s2);
    store(row + 3u, column, s3);
    store(row + 4u, column, s4);
    store(row + 5u, column, s5);
    store(row + 6u, column, s6);
    store(row + 7u, column, s7);
}

fn products(x: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
    return vec4f(dot(x, w0), dot(x, w1), dot(x, w2), dot(x, w3));
}

fn store(row: u32, column: u32, sums: vec4f) {
    for (var c = 0u; c < 4u; c++) {
        let output = column + c;
        if (row < shape.rows && output < shape.outputs) {
            finish(row * shape.outputs + output, sums[c] * affine[output].x + affine[output].y);
        }
    }
}
