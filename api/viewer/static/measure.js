// Lengths and angles with their uncertainty (JCGM 100:2008): each end is set within one pixel of the picture or of the
// screen, whichever is larger, taken as a rectangular distribution; the scale brings its own. What is shown is the
// expanded uncertainty for k = 2, about 95 %.

const K = 2;

function pointing(zoom) {
  return Math.max(1, 1 / zoom) / Math.sqrt(3);
}

function apart([[x0, y0], [x1, y1]]) {
  return Math.hypot(x1 - x0, y1 - y0);
}

/** Decimals that show an uncertainty with one or two digits that count. */
function decimals(uncertainty) {
  return Math.min(Math.max(1 - Math.floor(Math.log10(uncertainty)), 0), 4);
}

/**
 * @param points two, in pixels of the primary frame
 * @param scale {px_per_mm, uncertainty} as the service gives it
 * @param zoom screen pixels for a pixel of the frame
 * @returns {{value: string, uncertainty: string}} millimetres
 */
export function lengthOf(points, scale, zoom) {
  const length = apart(points) / scale.px_per_mm;
  const ends = (Math.SQRT2 * pointing(zoom)) / scale.px_per_mm;
  const expanded = K * Math.hypot(ends, length * scale.uncertainty);
  const digits = decimals(expanded);
  return { value: length.toFixed(digits), uncertainty: expanded.toFixed(digits) };
}

/**
 * @param points three, the vertex in the middle
 * @returns {{value: string, uncertainty: string}} degrees
 */
export function angleOf([one, vertex, other], zoom) {
  const direction = ([x, y]) => Math.atan2(y - vertex[1], x - vertex[0]);
  let angle = Math.abs(direction(one) - direction(other));
  if (angle > Math.PI) angle = 2 * Math.PI - angle;
  const legs = [one, other].map((end) => (Math.SQRT2 * pointing(zoom)) / Math.max(apart([vertex, end]), 1));
  const expanded = (K * Math.hypot(...legs) * 180) / Math.PI;
  const digits = decimals(expanded);
  return { value: ((angle * 180) / Math.PI).toFixed(digits), uncertainty: expanded.toFixed(digits) };
}
