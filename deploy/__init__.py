"""What the containers of ``docker-compose.temporal.yml`` run besides the product (``docs/deploy.md``)."""
