# The image holds two files: the static binary and the certificates of the public authorities (for https upstreams and
# PostgreSQL with sslmode=verify-full). It starts from scratch rather than from a distribution: there is no shell, no
# package manager and no library in it, so nothing but Authly itself ever needs an update. Times in logs are UTC.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t authly .
#
# Keys in an HSM (keys.pkcs11) need the library of its maker, and that needs a C library: the other target has one, of Debian, and
# nothing of any HSM. Mount the library, or install it in an image that begins FROM this one.
#
#   docker build --target pkcs11 --build-arg VERSION=$(git describe --tags --always) -t authly:pkcs11 .

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

# The same Debian for both, or the binary may ask for a newer C library than there is.
FROM golang:1.26-trixie AS build-pkcs11
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG GOEXPERIMENT=
RUN CGO_ENABLED=1 go build -tags pkcs11 -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/authly ./cmd/authly
RUN mkdir -m 0700 /out/data

FROM debian:trixie-slim AS pkcs11
COPY --from=build-pkcs11 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build-pkcs11 /out/authly /authly
COPY --from=build-pkcs11 --chown=65532:65532 /out/data /data
COPY config.yaml /etc/authly/config.yaml
USER 65532:65532
WORKDIR /data
VOLUME /data
ENV AUTHLY_CONFIG=/etc/authly/config.yaml
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=15s CMD ["/authly", "health"]
ENTRYPOINT ["/authly"]
CMD ["serve"]

# The last stage is what is built where no target is named.
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
