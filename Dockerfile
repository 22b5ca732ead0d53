# The image holds two files: the static binary and the certificates of the public authorities (for https upstreams and
# PostgreSQL with sslmode=verify-full). It starts from scratch rather than from a distribution: there is no shell, no
# package manager and no library in it, so nothing but Authly itself ever needs an update. Times in logs are UTC.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t authly .

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
# runtimesecret has Go erase more of what secrets were used for. It is an experiment, and so not what is built by default.
ARG GOEXPERIMENT=
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/authly ./cmd/authly
RUN mkdir -m 0700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/authly /authly
COPY --from=build --chown=65532:65532 /out/data /data
COPY config.yaml /etc/authly/config.yaml

# A number and not a name: there is no /etc/passwd, and Kubernetes' runAsNonRoot can check a number.
USER 65532:65532

# The default store, sqlite://authly.db, is a file in the working directory and so in the volume.
WORKDIR /data
VOLUME /data
ENV AUTHLY_CONFIG=/etc/authly/config.yaml
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=6s --start-period=15s CMD ["/authly", "health"]
ENTRYPOINT ["/authly"]
CMD ["serve"]
