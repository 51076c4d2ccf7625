"""Drawings of a network: SVG, Mermaid and DOT, all from one plain model."""
