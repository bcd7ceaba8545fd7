"""What every ingredient looks like: the one table from a word to a shape and colours."""

from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Shape (toppings.py), main and second colour, size in vessel radii, pieces on a plate."""

    shape: str
    colour: RGB
    accent: RGB
    size: float = 0.13
    pieces: int = 7


_GREEN, _LEAF, _CREAM, _WHITE = (92, 158, 56), (58, 128, 48), (250, 240, 214), (250, 248, 242)

LOOKS: dict[str, Look] = {
    # Meat, fish, eggs
    "beef": Look("meat", (128, 66, 44), (172, 104, 70), 0.20, 7),
    "pork": Look("meat", (206, 140, 104), (248, 224, 202), 0.22, 6),
    "lamb": Look("meat", (146, 84, 60), (196, 138, 100), 0.19, 7),
    "chicken": Look("chunk", (226, 172, 98), (188, 118, 52), 0.15, 8),
    "ham": Look("frill", (238, 150, 150), (252, 208, 202), 0.18, 6),
    "bacon": Look("strip", (176, 58, 44), (246, 204, 172), 0.30, 4),
    "sausage": Look("disc", (182, 78, 52), (212, 116, 82), 0.11, 8),
    "pepperoni": Look("disc", (190, 44, 32), (216, 84, 60), 0.15, 8),
    "meatballs": Look("ball", (126, 66, 38), (160, 94, 58), 0.15, 6),
    "falafel": Look("ball", (150, 98, 44), (190, 140, 70), 0.14, 6),
    "salmon": Look("fillet", (250, 134, 88), (255, 206, 172), 0.24, 5),
    "tuna": Look("fillet", (196, 46, 62), (232, 110, 112), 0.24, 5),
    "prawn": Look("prawn", (250, 146, 100), (255, 218, 190), 0.17, 6),
    "roe": Look("beads", (252, 106, 26), (255, 176, 80), 0.035, 40),
    "egg": Look("egg", (255, 252, 244), (250, 176, 30), 0.22, 3),
    # Cheese and cream
    "cheese": Look("sheet", (252, 196, 52), (255, 222, 120), 0.20, 5),
    "mozzarella": Look("disc", (255, 250, 234), (255, 254, 246), 0.17, 7),
    "feta": Look("cube", (252, 250, 242), (226, 222, 208), 0.09, 10),
    "paneer": Look("cube", (252, 240, 206), (226, 196, 138), 0.14, 7),
    "parmesan": Look("shred", (252, 236, 176), (240, 212, 128), 0.10, 26),
    "butter": Look("cube", (255, 228, 110), (240, 202, 70), 0.18, 1),
    "blue cheese": Look("cube", (240, 238, 222), (104, 132, 160), 0.14, 5),
    "cream": Look("swirl", (255, 252, 244), (240, 230, 214), 0.26, 1),
    "mayo": Look("drizzle", (255, 246, 214), (255, 252, 236), 0.05, 1),
    "tofu": Look("cube", (250, 238, 208), (222, 190, 130), 0.14, 7),
    # Vegetables
    "tomato": Look("slice", (222, 52, 36), (246, 128, 88), 0.16, 6),
    "tomato sauce": Look("sauce", (206, 44, 24), (236, 96, 56), 0.4, 1),
    "cream sauce": Look("sauce", (250, 232, 196), (255, 248, 228), 0.4, 1),
    "pesto": Look("sauce", (84, 128, 40), (128, 172, 66), 0.4, 1),
    "cucumber": Look("slice", (74, 138, 54), (208, 232, 160), 0.14, 7),
    "lettuce": Look("frill", (116, 184, 62), (176, 220, 108), 0.22, 7),
    "spinach": Look("leaf", (44, 108, 44), (98, 160, 76), 0.20, 9),
    "bok choy": Look("bokchoy", (64, 140, 56), (228, 240, 204), 0.26, 3),
    "nori": Look("sheet", (26, 44, 38), (50, 74, 62), 0.24, 2),
    "basil": Look("leaf", (50, 134, 46), (112, 188, 84), 0.17, 6),
    "mint": Look("leaf", (62, 160, 88), (136, 212, 142), 0.14, 5),
    "coriander": Look("sprig", (76, 158, 60), (52, 120, 44), 0.13, 9),
    "dill": Look("sprig", (88, 150, 70), (60, 118, 52), 0.14, 7),
    "rosemary": Look("twig", (70, 112, 66), (108, 148, 92), 0.34, 2),
    "spring onion": Look("rings", (104, 176, 66), (226, 244, 196), 0.05, 22),
    "onion": Look("ring", (190, 110, 168), (246, 226, 240), 0.14, 7),
    "olives": Look("ring", (44, 40, 48), (92, 84, 92), 0.08, 10),
    "mushroom": Look("mushroom", (226, 204, 172), (152, 112, 80), 0.17, 7),
    "bell pepper": Look("strip", (226, 52, 34), (250, 196, 40), 0.24, 9),
    "chilli": Look("rings", (220, 30, 24), (252, 190, 120), 0.055, 14),
    "carrot": Look("disc", (244, 130, 32), (255, 176, 84), 0.10, 9),
    "courgette": Look("slice", (66, 120, 48), (222, 230, 160), 0.14, 6),
    "aubergine": Look("slice", (76, 36, 84), (222, 204, 158), 0.17, 6),
    "broccoli": Look("floret", (62, 132, 52), (122, 176, 84), 0.17, 6),
    "asparagus": Look("spear", (106, 158, 62), (66, 112, 56), 0.60, 5),
    "potato": Look("chunk", (244, 210, 116), (214, 160, 70), 0.17, 6),
    "peas": Look("beads", (112, 186, 54), (170, 222, 104), 0.052, 22),
    "edamame": Look("beads", (134, 198, 72), (190, 230, 124), 0.066, 15),
    "corn": Look("beads", (254, 208, 50), (255, 234, 130), 0.05, 26),
    "chickpeas": Look("beads", (236, 200, 134), (250, 226, 176), 0.068, 18),
    "beans": Look("beads", (186, 78, 36), (222, 124, 70), 0.068, 20),
    "bean sprouts": Look("shred", (248, 244, 220), (228, 214, 140), 0.20, 16),
    "avocado": Look("avocado", (176, 206, 96), (72, 108, 46), 0.24, 4),
    "kimchi": Look("frill", (214, 72, 34), (244, 158, 92), 0.15, 7),
    "pickles": Look("slice", (108, 134, 42), (176, 194, 82), 0.12, 6),
    "radish": Look("slice", (222, 52, 106), (255, 246, 248), 0.11, 7),
    "ginger": Look("shred", (250, 222, 130), (236, 190, 90), 0.14, 12),
    "garlic": Look("chunk", (252, 242, 214), (230, 204, 150), 0.09, 6),
    "peppercorns": Look("beads", (46, 38, 36), (104, 92, 84), 0.028, 30),
    "sesame": Look("beads", (252, 238, 196), (255, 250, 226), 0.022, 42),
    "croutons": Look("cube", (226, 166, 82), (178, 112, 44), 0.11, 8),
    "rice": Look("grains", (252, 250, 242), (226, 222, 208), 0.05, 60),
    "pumpkin": Look("beads", (244, 138, 28), (252, 176, 84), 0.05, 12),
    "nuts": Look("chunk", (200, 142, 76), (146, 92, 44), 0.075, 14),
    "crackers": Look("sheet", (226, 174, 98), (246, 212, 146), 0.20, 4),
    # Fruit
    "lemon": Look("slice", (250, 212, 40), (255, 240, 140), 0.17, 3),
    "lime": Look("slice", (108, 184, 40), (206, 236, 130), 0.16, 3),
    "orange": Look("slice", (250, 142, 22), (255, 190, 78), 0.20, 4),
    "kiwi": Look("slice", (122, 92, 50), (146, 200, 60), 0.19, 4),
    "strawberry": Look("strawberry", (226, 34, 44), (252, 150, 130), 0.16, 6),
    "cherry": Look("ball", (178, 14, 40), (232, 70, 90), 0.12, 5),
    "blueberry": Look("beads", (58, 66, 140), (130, 144, 206), 0.075, 16),
    "grape": Look("ball", (124, 48, 116), (180, 108, 172), 0.11, 10),
    "banana": Look("disc", (254, 238, 170), (222, 190, 90), 0.14, 7),
    "mango": Look("cube", (255, 176, 36), (238, 142, 20), 0.13, 9),
    "pineapple": Look("wedge", (254, 216, 66), (222, 168, 34), 0.19, 6),
    "watermelon": Look("wedge", (238, 66, 74), (66, 142, 58), 0.30, 3),
    "apple": Look("wedge", (252, 244, 208), (206, 36, 38), 0.24, 4),
    "fig": Look("slice", (96, 46, 92), (226, 104, 110), 0.16, 4),
    "raisins": Look("beads", (76, 40, 44), (122, 76, 72), 0.05, 14),
    "coconut": Look("shred", (255, 254, 248), (240, 234, 222), 0.10, 30),
    # Sweet
    "chocolate": Look("drizzle", (84, 46, 28), (140, 88, 60), 0.055, 1),
    "caramel": Look("drizzle", (206, 126, 36), (246, 188, 90), 0.055, 1),
    "honey": Look("drizzle", (238, 162, 28), (255, 216, 110), 0.055, 1),
    "vanilla": Look("beads", (255, 242, 206), (255, 250, 230), 0.03, 10),
    "pistachio": Look("chunk", (156, 190, 94), (112, 146, 60), 0.075, 14),
    "matcha": Look("dust", (122, 158, 62), (162, 192, 96), 0.4, 1),
    "cinnamon": Look("dust", (152, 84, 36), (190, 120, 62), 0.4, 1),
    "sugar": Look("dust", (255, 254, 250), (255, 255, 255), 0.5, 1),
    "sprinkles": Look("sprinkles", (240, 80, 140), (80, 180, 220), 0.06, 30),
    "wafer": Look("sheet", (222, 160, 84), (176, 112, 48), 0.24, 1),
    "milk": Look("swirl", (255, 246, 230), (236, 210, 176), 0.3, 1),
    # Sauces and drinks
    "ketchup": Look("drizzle", (204, 28, 20), (240, 92, 76), 0.06, 1),
    "ice": Look("cube", (226, 240, 248), (178, 206, 222), 0.24, 3),
    "tapioca": Look("beads", (50, 34, 34), (120, 92, 88), 0.085, 14),
    # Only in held-out dishes
    "sambal": Look("sauce", (158, 26, 14), (214, 74, 34), 0.21, 1),
    "dhal": Look("sauce", (232, 172, 52), (252, 214, 110), 0.21, 1),
    "peanuts": Look("beads", (196, 124, 66), (232, 178, 116), 0.045, 22),
    "anchovies": Look("shred", (150, 128, 104), (206, 192, 172), 0.17, 16),
    "lentils": Look("beads", (196, 84, 30), (236, 138, 62), 0.032, 26),
    "cabbage": Look("shred", (232, 214, 118), (246, 236, 176), 0.13, 20),
    "beetroot": Look("cube", (150, 20, 74), (112, 12, 58), 0.085, 9),
    "parsley": Look("sprig", (66, 148, 56), (46, 108, 40), 0.11, 10),
}
