"""The preview's goal: one DDIM step that ends where several of the teacher's ended."""

import itertools

import torch
from diffusers import DDIMScheduler

from training.family.denoiser import shipped_scheduler
from training.family.preview import velocity_between
from training.family.recipe import load_recipe


def test_the_learned_velocity_ends_where_the_teacher_ended() -> None:
    recipe = load_recipe()
    shipped = shipped_scheduler(recipe.parts.unet.scheduler)
    student = DDIMScheduler.from_config(shipped.config)
    steps = recipe.parts.preview.steps
    student.set_timesteps(steps)
    shipped.set_timesteps(recipe.parts.preview.teacher_steps)
    every = recipe.parts.preview.teacher_steps // steps
    assert student.timesteps.tolist() == shipped.timesteps[::every].tolist()
    sigmas = shipped.sigmas[::every]
    signal, spread = 1 / (1 + sigmas**2).sqrt(), sigmas / (1 + sigmas**2).sqrt()
    drawn = torch.Generator().manual_seed(1)
    # Far outside [-1, 1], where latents lie and pixels do not.
    starts, ends = 3 * torch.randn(2, 1, 4, 8, 8, generator=drawn)
    for place, (now, then) in enumerate(itertools.pairwise(range(steps + 1))):
        velocity = velocity_between(starts, ends, signal[now], spread[now], signal[then], spread[then])
        made = student.step(velocity, student.timesteps[place], starts).prev_sample
        assert torch.allclose(made, ends, atol=0.02), f"jump {place}"
