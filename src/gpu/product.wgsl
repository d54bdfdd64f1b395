// What `matmul.wgsl` and its variants, which it stands behind, have in common: the layer, the size of a workgroup's part,
// numbers out of weights, and what follows a product. They call `finish` for each number of their result. CPU twins: `kernel::gelu_rows` and
// `kernel::Combine`, and the oracle `kernel::scalar::gelu`.

// 0: nothing; 1: GELU; 2: added to what is there (the residual connection); 3: tanh.
override EPILOGUE: u32 = 0u;

// Of what a workgroup makes.
const ROWS = 32u;
const COLUMNS = 64u;

struct Shape {
    rows: u32,
    // In fours.
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// [outputs][inputs]
@group(0) @binding(2) var<storage, read> weights: array<u32>;
// Scale and bias of each output.
@group(0) @binding(3) var<storage, read> affine: array<vec2f>;
// [rows][outputs]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

// The four weights of a word.
fn unpack(word: u32) -> vec4f {
    return vec4f(bitcast<vec4i>(vec4u(word << 24u, word << 16u, word << 8u, word)) >> vec4u(24u));
}

// x * Phi(x) by the rational function of `kernel::math::gelu`.
fn gelu(number: f32) -> f32 {
    let x = max(number, -5.0);
    let t = min(x, 5.0);
    let u = t * t;
    let p = (((-1.0115603e-7 * u + 4.881796e-5) * u + 0.00420222) * u + 0.0280002) * u + 0.39896467;
    let q = ((0.0014095631 * u + 0.024857871) * u + 0.23702525) * u + 1.0;
    return x * (t * p / q + 0.5);
}

fn finish(at: u32, value: f32) {
    if (EPILOGUE == 1u) {
        out[at] = gelu(value);
    } else if (EPILOGUE == 2u) {
        out[at] += value;
    } else if (EPILOGUE == 3u) {
        // Some devices compute tanh by powers that overflow; beyond 9 it is 1.
        out[at] = tanh(clamp(value, -9.0, 9.0));
    } else {
        out[at] = value;
    }
}
