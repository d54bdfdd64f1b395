// Self-attention over the true length of each sequence: softmax(Q K^T / sqrt(depth)) V, head by head. CPU twins:
// `kernel::attend`, and the oracle `kernel::scalar::attention`.
//
// Each invocation has one query of one head and keeps it, and the sum of values, in registers. The softmax is rescaled
// with each key (Milakov and Gimelshein 2018), so that no length is too long. As in `matmul.wgsl` nothing goes through
// workgroup memory: the 16 queries of a workgroup read the same keys and values at the same time.

// Whether heads may have more than eight vectors of four, which take twice the registers.
override WIDE: bool = false;

@compute @workgroup_size(QUERIES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    let tile = tiles[group.x];
    let row = tile.row + index;
    if (row >= tile.first + tile.length) {
        return;
    }
    let head = group.y * shape.depth;
    let stride = 3u * shape.width;
    let query = row * stride + head;
    let q0 = part(query, 0u);
    let q1 = part(query, 1u);
    let q2 = part(query, 2u);
    let q3 = part(query, 3u);
    let q4 = part(query, 4u);
    let q5 = part(query, 5u);
    let q6 = part(query, 6u);
    let q7 = part(query, 7u);
    let q8 = part(query, 8u);
    let q9 = part(query, 9u);
    let q10 = part(query, 10u);
    let q11 = part(query, 11u);
    let q12 = part(query, 12u);
    let q13 = part(query, 13u);
    let q14 = part(query, 14u);
    let q15 = part(query, 15u);
    var s0 = vec4f();
    var s1 = vec4f();
    var s2 = vec4f();
    var s3 = vec4f();
    var s4 = vec4f();
    var s5 = vec4f();
    var s6 = vec4f();
    var s7 = vec4f();
    var s8 = vec4f();
    var s9 = vec4f();
    var s10 = vec4f();
    var s11 = vec4f();
    var s12 = vec4f();
    var s13 = vec4f();
    var s14 = vec4f();
    var s15 = vec4f();
    // Less than any score, and far enough from the least number that differences are finite.
    var greatest = -1e30;
    var share = 0.0;
    var key = tile.first * stride + shape.width + head;
    for (var left = tile.length; left > 0u; left--) {
        // Where a head has fewer vectors, those of the next are multiplied with nothing.
        var score = products(key, q0, q1, q2, q3) + products(key + 4u, q4, q5, q6, q7);
        if (WIDE) {
            score += products(key + 8u, q8, q9, q10, q11) + products(key + 12u, q12, q13, q14, q15);
        }
        let most = max(greatest, score);
        let shrink = exp(greatest - most);
        let weight = exp(score - most);
        greatest = most;
        share = share * shrink + weight;
        let value = key + shape.width;
        s0 = s0 * shrink + weight * qkv[value];
        s1 = s1 * shrink + weight * qkv[value + 1u];
        s2 = s2 * shrink + weight * qkv[value + 2u];
        s3 = s3 * shrink + weight * qkv[value + 3u];
        s4 = s4 * shrink + weight * qkv[value + 4u];
        s5 = s5 * shrink + weight * qkv[value + 5u];
        s6 = s6 * shrink + weight * qkv[value + 6u];
        s7 = s7 * shrink + weight * qkv[value + 7u];
        if (WIDE) {
            s8 = s8 * shrink + weight * qkv[value + 8u];
            s9 = s9 * shrink + weight * qkv[value + 9u];
            s10 = s10 * shrink + weight * qkv[value + 10u];
            s11 = s11 * shrink + weight * qkv[value + 11u];
            s12 = s12 * shrink + weight * qkv[value + 12u];
            s13 = s13 * shrink + weight * qkv[value + 13u];
            s14 = s14 * shrink + weight * qkv[value + 14u];
            s15 = s15 * shrink + weight * qkv[value + 15u];
        }
        key += stride;
    }
    let place = row * shape.width + head;
    keep(place, 0u, s0 / share);
    keep(place, 1u, s1 / share);
    keep(place, 2u, s2 / share);
    keep(place, 3u, s3 / share);
    keep(place, 4u, s4 / share);
    keep(place, 5u, s5 / share);
    keep(place, 6u, s6 / share);
    keep(place, 7u, s7 / share);
    if (WIDE) {
        keep(place, 8u, s8 / share);
        keep(place, 9u, s9 / share);
        keep(place, 10u, s10 / share);
        keep(place, 11u, s11 / share);
        keep(place, 12u, s12 / share);
        keep(place, 13u, s13 / share);
        keep(place, 14u, s14 / share);
        keep(place, 15u, s15 / share);
    }
}

// Of a query, scaled; nothing behind its end.
fn part(query: u32, d: u32) -> vec4f {
    return select(vec4f(), qkv[query + d] * shape.scale, d < shape.depth);
}

fn products(key: u32, q0: vec4f, q1: vec4f, q2: vec4f, q3: vec4f) -> f32 {
    return dot(q0, qkv[key]) + dot(q1, qkv[key + 1u]) + dot(q2, qkv[key + 2u]) + dot(q3, qkv[key + 3u]);
}

fn keep(place: u32, d: u32, values: vec4f) {
    if (d < shape.depth) {
        out[place + d] = values;
    }
}
