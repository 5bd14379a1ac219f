// One picture with its layers. Everything is in pixels of the page's primary frame; OpenSeadragon's own unit is that
// frame's width.

/* global OpenSeadragon */

// OpenSeadragon would write a style into the page, which the page's policy forbids; it does not where it finds its mark.
// An element of no known namespace carries the mark and is no style.
const mark = document.createElementNS("urn:dafec", "style");
mark.setAttribute("data-openseadragon-mobile-css", "none");
document.head.append(mark);

const NUDGE = 0.1; // of what is in view, for one press of an arrow

export class Stage {
  constructor(element, data) {
    this.element = element;
    this.width = data.width;
    this.height = data.height;
    this.items = new Map();
    this.layers = new Map();
    this.viewer = new OpenSeadragon({
      element,
      drawer: "canvas",
      imageSmoothingEnabled: false,
      showNavigationControl: false,
      keyboardNavEnabled: false,
      maxZoomPixelRatio: 24,
      minZoomImageRatio: 0.5,
      visibilityRatio: 0.2,
      animationTime: 0.2,
      blendTime: 0,
      immediateRender: true,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      maxImageCacheCount: 600,
    });
    // The viewer's own keys would turn and mirror the evidence.
    this.viewer.innerTracker.keyHandler = null;
    this.viewer.innerTracker.keyDownHandler = null;
  }

  get viewport() { return this.viewer.viewport; }

  /** Adds a layer, unseen; resolves when its place is known. */
  add(layer) {
    if (this.items.has(layer.name)) return Promise.resolve(this.items.get(layer.name));
    return new Promise((resolve, reject) => {
      this.viewer.addTiledImage({
        tileSource: {
          width: layer.width, height: layer.height, tileSize: layer.tile, tileOverlap: 0,
          minLevel: layer.least, maxLevel: layer.most,
          getTileUrl: (level, x, y) => `${layer.url}/${level}/${x}/${y}`,
        },
        x: layer.place.x_px / this.width,
        y: layer.place.y_px / this.width,
        width: layer.place.width_px / this.width,
        degrees: layer.place.turn_degrees,
        opacity: 0,
        preload: true,
        success: ({ item }) => {
          this.items.set(layer.name, item);
          this.layers.set(layer.name, layer);
          resolve(item);
        },
        error: reject,
      });
    });
  }

  remove(name) {
    const item = this.items.get(name);
    if (item) this.viewer.world.removeItem(item);
    this.items.delete(name);
    this.layers.delete(name);
  }

  /** Shows these layers, bottom first: name to {opacity, difference, clip}; every other is hidden. */
  show(shown) {
    for (const [name, item] of this.items) {
      const how = shown.get(name);
      item.setOpacity(how ? how.opacity : 0);
      item.setCompositeOperation(how?.difference ? "difference" : null);
      if (!how?.clip && item._clip) item.setClip(null);
    }
    let index = this.viewer.world.getItemCount() - shown.size;
    for (const name of shown.keys()) if (this.items.has(name)) this.viewer.world.setItemIndex(this.items.get(name), Math.max(index++, 0));
  }

  toScreen(x, y) {
    return this.viewport.pixelFromPoint(new OpenSeadragon.Point(x / this.width, y / this.width), true);
  }

  toImage(x, y) {
    const point = this.viewport.pointFromPixel(new OpenSeadragon.Point(x, y), true);
    return [point.x * this.width, point.y * this.width];
  }

  /** Screen pixels for one pixel of the primary frame. */
  get zoom() {
    return (this.viewport.getZoom(true) * this.viewport.getContainerSize().x) / this.width;
  }

  centre() {
    const size = this.viewport.getContainerSize();
    return this.toImage(size.x / 2, size.y / 2);
  }

  /** Brings points into view with as much again around them. */
  look(points, share = 0.45) {
    const xs = points.map(([x]) => x / this.width);
    const ys = points.map(([, y]) => y / this.width);
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const [w, h] = [Math.max(Math.max(...xs) - left, 0.01), Math.max(Math.max(...ys) - top, 0.01)];
    const grow = (1 / share - 1) / 2;
    this.viewport.fitBounds(new OpenSeadragon.Rect(left - w * grow, top - h * grow, w * (1 + 2 * grow), h * (1 + 2 * grow)));
  }

  whole(outline) {
    if (outline) this.look(outline, 0.94);
    else this.viewport.fitBounds(new OpenSeadragon.Rect(0, 0, 1, this.height / this.width));
  }

  pan(across, down) {
    const seen = this.viewport.getBounds();
    this.viewport.panBy(new OpenSeadragon.Point(across * NUDGE * seen.width, down * NUDGE * seen.height));
    this.viewport.applyConstraints();
  }

  zoomBy(factor) {
    this.viewport.zoomBy(factor);
    this.viewport.applyConstraints();
  }

  /** One pixel of the frame on one of the screen. */
  truePixels() {
    this.viewport.zoomTo(this.width / this.viewport.getContainerSize().x);
  }
}
