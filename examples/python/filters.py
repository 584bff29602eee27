"""El trabajo de verdad: de la descripción de una tarea a su resultado. No sabe nada de Redis."""
import base64, io, random, time
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

MAX_PIXELS = 40_000_000
EDGES = ImageFilter.Kernel((3, 3), [-1, -1, -1, -1, 8, -1, -1, -1, -1], scale=1)
SEPIA = (.393, .769, .189, 0, .349, .686, .168, 0, .272, .534, .131, 0)
FILTERS = {
    "resize": lambda image: image.resize(((image.width + 1) // 2, (image.height + 1) // 2)),
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    "sharpen": lambda image: image.filter(ImageFilter.UnsharpMask(1.5, 100, 1)),
    "edges": lambda image: ImageOps.grayscale(image).filter(EDGES),
    "grayscale": ImageOps.grayscale,
    "sepia": lambda image: image.convert("RGB").convert("RGB", SEPIA),
    "brightness": lambda image: image.point(lambda value: value + 25),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.44),
    "rotate": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "thumbnail": lambda image: ImageOps.contain(image, (128, 128)),
}


def load(source, fetch):
    """La imagen de una tarea; `fetch` trae un archivo por su clave de Redis."""
    [(kind, value)] = source.items()
    if kind == "synthetic":
        size = (value["width"], value["height"])
        if size[0] * size[1] <= MAX_PIXELS:
            return Image.frombytes("RGB", size, random.Random(value.get("seed", 0)).randbytes(3 * size[0] * size[1]))
    else:
        file = base64.b64decode(value) if kind == "base64" else fetch(value)
        if file is None:
            raise FileNotFoundError(f"no hay ninguna imagen en la clave {value}")  # quizá llegue: se reintenta
        image = Image.open(io.BytesIO(file), formats=["PNG", "JPEG", "WEBP"])  # lee solo la cabecera
        size = image.size
        if size[0] * size[1] <= MAX_PIXELS:
            return image.convert("RGB")
    raise ValueError(f"{size[0]} x {size[1]} son más de {MAX_PIXELS} píxeles")  # y nadie la descomprimió


def process(body, fetch):
    """Espera, carga, filtra; devuelve el resultado. ValueError y parecidos: la tarea no tiene arreglo."""
    unknown = [name for name in body["filters"] if name not in FILTERS]
    if unknown:
        raise ValueError(f"no existe el filtro {unknown[0]!r}; hay: {', '.join(FILTERS)}")
    time.sleep(body.get("delayMs", 0) / 1000)
    original, until = load(body["image"], fetch), time.monotonic() + body.get("workMs", 0) / 1000
    while True:  # workMs: la misma imagen se filtra otra vez hasta que pase ese tiempo
        image = original
        for name in body["filters"]:
            image = FILTERS[name](image)
        if time.monotonic() >= until:
            break
    result = {"width": image.width, "height": image.height}
    if "output" in body:
        image.save(file := io.BytesIO(), body["output"])
        result["image"] = {"format": body["output"], "base64": base64.b64encode(file.getvalue()).decode()}
    return result
