"""Square operations: eight different ones, each undone by its inverse."""

import torch

from zoneaxis.learn.square_operations import COUNT, turned, turned_back


def test_eight_operations_are_those_of_the_square() -> None:
    """All eight pictures of an uneven one differ, together they are its turns and their mirrors; each is undone."""
    image = torch.rand(1, 1, 5, 5)
    found = [turned(image, k) for k in range(COUNT)]
    expected = [torch.rot90(x, k, (-2, -1)) for x in (image, image.flip(-1)) for k in range(4)]
    assert COUNT == 8
    for wanted in expected:
        assert sum(torch.equal(wanted, one) for one in found) == 1
    for k, one in enumerate(found):
        assert torch.equal(turned_back(one, k), image)


def test_every_image_has_its_own() -> None:
    """Operations may be given per image."""
    images = torch.rand(3, 1, 4, 4)
    operations = torch.tensor([0, 5, 6])
    mixed = turned(images, operations)
    for k in range(3):
        assert torch.equal(mixed[k : k + 1], turned(images[k : k + 1], int(operations[k])))
    assert torch.equal(turned_back(mixed, operations), images)
